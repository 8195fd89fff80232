"""The rows that ``layers`` returns, as a table to read, to index and to add up."""

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Layer:
    """One row. Shapes are without the batch axis; pairs are (rows, columns); None means that it is not defined.

    ``receptive_field`` is the theoretical one in pixels, not clipped to the image; ``jump`` the distance in pixels
    between the fields of neighbouring units; ``start`` the centre of the first unit's field (pixel 0 is at 0.0).
    """

    name: str
    kind: str
    detail: str
    shape: tuple
    parameters: int
    macs: int
    receptive_field: tuple | None
    jump: tuple | None
    start: tuple | None

    def box(self, row, column):
        """(top, bottom, left, right): the pixels that unit (row, column) sees, all included, not clipped."""
        if self.receptive_field is None or self.jump is None:
            raise ValueError(f"layer {self.name!r} ({self.kind}) has no units at places of the image; choose a map")
        if len(self.shape) != 3 or not (0 <= row < self.shape[1] and 0 <= column < self.shape[2]):
            raise ValueError(f"unit ({row}, {column}) is outside the {self.shape[1:]} map of layer {self.name!r}")
        ends = []
        for unit, size, jump, start in zip((row, column), self.receptive_field, self.jump, self.start):
            ends += [start + unit * jump - (size - 1) / 2, start + unit * jump + (size - 1) / 2]
        return tuple(ends)


class LayerTable:
    """The rows of ``layers``; ``table[3]``, ``table["features.0"]``, ``for layer in table``, totals, text and HTML."""

    def __init__(self, rows, title, totals=None):
        self.rows, self.title = list(rows), title
        kinds = {"conv", "linear", "matmul"}
        self._totals = totals or (
            sum(row.parameters for row in self.rows),
            {kind: sum(row.macs for row in self.rows if row.kind == kind) for kind in kinds},
        )

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)

    def __getitem__(self, key):
        if not isinstance(key, str):
            return self.rows[key]
        for row in self.rows:
            if row.name == key:
                return row
        raise KeyError(f"no layer {key!r} in {self.title}; its layers are {', '.join(r.name for r in self.rows)}")

    @property
    def parameters(self):
        """Weights of the whole module, also of parts that did not run."""
        return self._totals[0]

    @property
    def conv_macs(self):
        """Krypton, eq. 11: multiply-adds of all convolutions for one image."""
        return self._totals[1]["conv"]

    @property
    def linear_macs(self):
        """Multiply-adds of the linear layers, which eq. 11 leaves out."""
        return self._totals[1]["linear"]

    @property
    def macs(self):
        """Multiply-adds of convolutions, linear layers and matrix products of two activations."""
        return sum(self._totals[1].values())

    def only(self, *kinds):
        """The rows of these kinds (for example "conv", "pool"); the totals stay those of the whole module."""
        known = {row.kind for row in self.rows}
        if not kinds or not known.issuperset(kinds):
            raise ValueError(f"only() got {kinds}; {self.title} has the kinds {', '.join(sorted(known))}")
        return LayerTable([row for row in self.rows if row.kind in kinds], self.title, self._totals)

    def cells(self):
        """Header and rows as text, the last row holding the totals."""
        head = ["layer", "kind", "window", "output", "parameters", "MACs", "receptive field", "jump"]
        body = [
            [row.name, row.kind, row.detail, "×".join(map(str, row.shape)), f"{row.parameters:,}", f"{row.macs:,}"]
            + [_pair(row.receptive_field), _pair(row.jump)]
            for row in self.rows
        ]
        return head, body + [["total", "", "", "", f"{self.parameters:,}", f"{self.macs:,}", "", ""]]

    def __str__(self):
        head, body = self.cells()
        widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)) for line in [head, *body]]
        return "\n".join([self.title, *(line.rstrip() for line in lines)])

    __repr__ = __str__

    def _repr_html_(self):
        head, body = self.cells()
        cell = '<td style="text-align:{}">{}</td>'
        lines = [
            "<tr>" + "".join(cell.format("left" if i < 4 else "right", escape(t)) for i, t in enumerate(line)) + "</tr>"
            for line in body
        ]
        top = "".join(f"<th>{text}</th>" for text in head)
        return f"<table><caption>{escape(self.title)}</caption><tr>{top}</tr>{''.join(lines)}</table>"


def _pair(values):
    if values is None:
        return "–"
    texts = [f"{float(value):g}" for value in values]
    return texts[0] if texts[0] == texts[1] else "×".join(texts)
