"""Figures of a notebook: shown with their alternative text and, in a run, saved under their name."""

import base64
import io
import os
import re
from pathlib import Path

from kryptonlib.course.records import RUN_FILE, append

FIGURES_FOLDER = "KRYPTON_FIGURES"
"""Environment variable: the folder into which a run saves its figures; unset in Jupyter, where nothing is saved."""
NAME = re.compile(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*")
SHORTEST_TEXT = 20


def figure(fig, name, *, alt, caption):
    """Show a matplotlib figure with its alternative text, save it if this is a run, and close it.

    Args:
        fig: the matplotlib figure.
        name: the file's name without ``.png``; starts with the notebook's number: "02_padding". It must be listed
            under ``figures`` of the notebook in ``notebooks/course.yaml``.
        alt: says what is seen, for somebody who does not see it; at least one short sentence.
        caption: shown below the figure (Markdown); states its message: what the reader shall see in it.

    Raises:
        TypeError: ``fig`` is not a matplotlib figure.
        ValueError: a name that cannot be, or a text that is too short to say what is seen.
    """
    from IPython.display import Markdown, display
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise TypeError(f"figure() got a {type(fig).__name__}; expected a matplotlib figure, for example axes.figure")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"figure() got the name {name!r}; expected the notebook's number and words: '02_padding'")
    if not isinstance(alt, str) or len(alt.strip()) < SHORTEST_TEXT:
        raise ValueError(f"figure({name!r}) got alt={alt!r}; say in a sentence what is seen in the figure")
    if not isinstance(caption, str) or len(caption.strip()) < SHORTEST_TEXT:
        raise ValueError(f"figure({name!r}) got caption={caption!r}; say in a sentence what the figure shows")
    buffer = io.BytesIO()
    # Without the software's version in the file, equal figures are equal files.
    fig.savefig(buffer, format="png", dpi=100, facecolor="white", metadata={"Software": None})
    pyplot.close(fig)
    picture = buffer.getvalue()
    folder = os.environ.get(FIGURES_FOLDER)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.png").write_bytes(picture)
    run_file = os.environ.get(RUN_FILE)
    if run_file:
        append(run_file, {"type": "figure", "name": name, "alt": alt.strip(), "caption": caption})
    bundle = {"image/png": base64.b64encode(picture).decode(), "text/plain": alt.strip()}
    display(bundle, metadata={"image/png": {"alt": alt.strip()}}, raw=True)
    display(Markdown(caption))
