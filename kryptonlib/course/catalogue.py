"""The list of notebooks, ``notebooks/course.yaml``, and the parameters that each profile gives them.

A profile says how large a run is: "default" uses the values in the notebook's own ``parameters`` cell, "quick" and
"paper" replace some of them by ``notebooks/parameters/<profile>/NN.yaml``.
"""

from dataclasses import dataclass
from pathlib import Path

from kryptonlib.course.parameters import read_yaml

PROFILES = ("quick", "default", "paper")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Notebook:
    """One entry of ``course.yaml``."""

    id: str
    path: Path
    title: str
    question: str
    source: str
    needs: tuple
    figures: tuple


class Course:
    """The notebooks of a repository and where its parts lie.

    Args:
        root: the repository's folder; None takes the one this package lies in.

    Raises:
        FileNotFoundError: there is no ``notebooks/course.yaml``: the package was installed without the repository.
        ValueError: ``course.yaml`` cannot be used as it is.
    """

    def __init__(self, root=None):
        self.root = Path(root).resolve() if root is not None else ROOT
        self.folder = self.root / "notebooks"
        self.records_folder = self.root / "tests" / "records"
        self.figures_folder = self.root / "figures"
        self.build_folder = self.root / "build"
        listing = self.folder / "course.yaml"
        if not listing.exists():
            raise FileNotFoundError(
                f"there is no {listing}; the notebooks are part of the repository, not of the installed package: "
                "clone it and run this command there"
            )
        self.notebooks = [self._notebook(entry) for entry in self._entries(listing)]
        ids = [notebook.id for notebook in self.notebooks]
        if len(set(ids)) != len(ids):
            raise ValueError(f"{listing} lists a notebook twice: {', '.join(ids)}")

    @staticmethod
    def _entries(listing):
        import yaml

        content = yaml.safe_load(listing.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not content.get("notebooks"):
            raise ValueError(f"{listing} lists no notebooks; expected 'notebooks:' and one entry for each")
        return content["notebooks"]

    def _notebook(self, entry):
        missing = [key for key in ("id", "file", "title") if not isinstance(entry.get(key), str)]
        if missing:
            raise ValueError(f"course.yaml: the entry {entry} lacks {', '.join(missing)} (quote the id: \"02\")")
        if not entry["file"].startswith(entry["id"] + "_"):
            raise ValueError(f"course.yaml: file {entry['file']!r} does not start with its id {entry['id']!r}")
        return Notebook(
            id=entry["id"],
            path=self.folder / entry["file"],
            title=entry["title"],
            question=entry.get("question") or "",
            source=entry.get("source") or "",
            needs=tuple(entry.get("needs") or ()),
            figures=tuple(entry.get("figures") or ()),
        )

    def select(self, only=None):
        """The notebooks with the ids in ``only`` ("02,04" or a list), in reading order; None selects all."""
        if not only:
            return list(self.notebooks)
        wanted = [item.strip().zfill(2) for item in (only.split(",") if isinstance(only, str) else only) if item]
        known = [notebook.id for notebook in self.notebooks]
        unknown = [item for item in wanted if item not in known]
        if unknown:
            raise ValueError(f"there is no notebook {', '.join(unknown)}; the course has {', '.join(known)}")
        return [notebook for notebook in self.notebooks if notebook.id in wanted]

    def differences(self):
        """One sentence per notebook that is listed and missing, or found and not listed."""
        listed = {notebook.path.name for notebook in self.notebooks}
        found = {path.name for path in self.folder.glob("*.ipynb")}
        missing = [f"course.yaml lists {name}, which is not in notebooks/" for name in sorted(listed - found)]
        return missing + [f"notebooks/{name} is not listed in course.yaml" for name in sorted(found - listed)]

    def figures_of(self, label):
        """Where the runs of a profile write figures: only a default run writes the repository's own."""
        return self.figures_folder if label == "default" else self.build_folder / label / "figures"

    def records_path(self, notebook, profile):
        """Where the committed record of a notebook's profile lies."""
        return self.records_folder / f"{notebook.id}.{profile}.json"

    def parameters(self, notebook, profile):
        """What a profile changes in the notebook's parameters cell: name -> value.

        Raises:
            FileNotFoundError: the profile needs a file and there is none.
            ValueError: the file is no mapping of names to values.
        """
        if profile not in PROFILES:
            raise ValueError(f"there is no profile {profile!r}; expected one of {', '.join(PROFILES)}")
        if profile == "default":
            return {}
        path = self.folder / "parameters" / profile / f"{notebook.id}.yaml"
        if not path.exists():
            raise FileNotFoundError(f"notebooks/parameters/{profile}/{path.name} is missing; write {{}} to change none")
        values = read_yaml(path.read_text(encoding="utf-8"))
        if values is None:
            return {}
        if not isinstance(values, dict):
            raise ValueError(f"{path} holds a {type(values).__name__}; expected lines 'name: value'")
        return values
