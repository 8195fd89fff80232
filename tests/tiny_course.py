"""A repository with one tiny notebook, for planting faults in."""

import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kryptonlib.course.catalogue import Course

IMPORTS = """import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython.display import display
from kryptonlib.course import figure, record, say"""
PARAMETERS = "steps = 3\nfast = False\nname = 'cat'"
WORK = """record("steps", steps * 2, kind="exact", unit="steps")
record("ratio", 0.5 + fast)
record("name", name, kind="exact")
say("It takes {steps} steps.")"""
FIGURE = """fig, axes = plt.subplots(figsize=(1, 1))
figure(fig, "02_empty", alt="An empty pair of axes from 0 to 1.",
       caption="Nothing is drawn between the axes.")"""


def cells(imports=IMPORTS, parameters=PARAMETERS, work=WORK, drawing=FIGURE, more=()):
    """The cells of a good notebook; each part can be replaced by a faulty one."""
    made = [
        new_markdown_cell("# Tiny", id="02-0"),
        new_code_cell(imports, id="02-1", metadata={"tags": ["imports"]}),
        new_code_cell(parameters, id="02-2", metadata={"tags": ["parameters"]}),
        new_code_cell(work, id="02-3"),
        new_code_cell(drawing, id="02-4"),
    ]
    return made + [new_code_cell(source, id=f"02-{i}") for i, source in enumerate(more, start=5)]


def exercise_cells(answer, check, name="02-double", points=2):
    """A solution cell and the test cell behind it."""
    common = {"grade_id": name, "schema_version": 3, "task": False}
    solution = {**common, "grade": False, "locked": False, "solution": True}
    test = {**common, "grade_id": f"{name}-check", "grade": True, "locked": True, "points": points, "solution": False}
    return [
        new_code_cell(answer, id=name, metadata={"nbgrader": solution}),
        new_code_cell(check, id=f"{name}-check", metadata={"nbgrader": test}),
    ]


def notebook(made):
    """A notebook of these cells."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return new_notebook(cells=made, metadata={"kernelspec": kernel})


def plant(root, made=None, figures=("02_empty",), quick=None, file="02_tiny.ipynb"):
    """Write the repository into the folder ``root`` and return its Course."""
    (root / "notebooks" / "parameters" / "quick").mkdir(parents=True, exist_ok=True)
    (root / "kryptonlib" / "checkpoints").mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(made if made is not None else cells()), root / "notebooks" / file)
    entry = {"id": "02", "file": "02_tiny.ipynb", "title": "Tiny", "figures": list(figures)}
    (root / "notebooks" / "course.yaml").write_text(yaml.safe_dump({"notebooks": [entry]}))
    (root / "notebooks" / "parameters" / "quick" / "02.yaml").write_text(yaml.safe_dump(quick or {}))
    return Course(root)
