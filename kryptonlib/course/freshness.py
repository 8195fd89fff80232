"""Whether a committed notebook is what it says: its outputs belong to its code and to the records.

``with_outputs`` puts the outputs of a run into a notebook and signs them with the hashes of the code and of the numbers
that it repeated; the functions behind it find what speaks against committing it.
"""

import base64
import copy
import io

from kryptonlib.course import outputs, provenance

LARGEST = 1_500_000
KEY = "krypton"
NOTE = "*An interactive panel: run this notebook to use it. The figure beside it says the same.*"


def with_outputs(source, executed, recorded):
    """The notebook ``source`` with the outputs of an executed copy, without traces of the machine and the moment.

    Args:
        source: the notebook whose text counts.
        executed: what a run of the same code left.
        recorded: name -> record; the committed numbers, which that run repeated.

    Raises:
        ValueError: the two do not hold the same code.
    """
    result = copy.deepcopy(source)
    ran = [cell for cell in executed.cells if cell.cell_type == "code"]
    cells = [cell for cell in result.cells if cell.cell_type == "code"]
    if [cell.source for cell in ran] != [cell.source for cell in cells]:
        raise ValueError("the executed copy holds other code than the notebook; run it again")
    for cell, other in zip(cells, ran):
        cell.metadata.pop("execution", None)
        cell.metadata.pop("papermill", None)
        cell.execution_count = other.execution_count
        cell.outputs = [committed(output) for output in other.outputs]
    result.metadata = {key: executed.metadata[key] for key in ("kernelspec", "language_info")}
    result.metadata["language_info"].pop("version", None)
    result.metadata[KEY] = {"cells": provenance.cells(result), "records": provenance.numbers(recorded)}
    return result


def committed(output):
    """An output as it is committed. A widget's view is nothing without the running kernel: a note replaces it."""
    from nbformat.v4 import new_output

    if outputs.WIDGET_VIEW in output.get("data", {}):
        data = {"text/markdown": NOTE, "text/plain": NOTE.strip("*")}
        return new_output("display_data", data=data)
    result = copy.deepcopy(output)
    if "image/png" in result.get("data", {}):
        result.data["image/png"] = packed(result.data["image/png"])
    return result


def packed(picture):
    """A PNG picture as base64 text, with the same pixels in fewer bytes where that is possible."""
    from PIL import Image

    written = io.BytesIO()
    data = base64.b64decode(picture)
    with Image.open(io.BytesIO(data)) as image:
        # matplotlib writes a fourth channel that is opaque everywhere; in photos it takes a tenth of the file.
        opaque = image.mode == "RGBA" and image.getextrema()[3] == (255, 255)
        (image.convert("RGB") if opaque else image).save(written, "png", optimize=True)
    return base64.b64encode(min(data, written.getvalue(), key=len)).decode()


def output_problems(notebook):
    """What speaks against the outputs of a committed notebook, one sentence each."""
    signed = notebook.metadata.get(KEY, {}).get("cells")
    found = []
    if signed is None:
        found.append("the notebook holds no hash of its code: its outputs were not committed by a run with --keep")
    elif signed != provenance.cells(notebook):
        found.append("the code changed after the run that made the outputs; run it again with --keep")
    cells = outputs.code_cells(notebook)
    counts = [cell.execution_count for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        found.append(f"the cells did not run once each from top to bottom: {counts}")
    found += outputs.errors(notebook) + outputs.without_alt_text(notebook)
    found += outputs.machine_paths(notebook) + outputs.complaints(notebook) + outputs.raw_values(notebook)
    return found


def record_problems(notebook, recorded):
    """A sentence if the committed outputs come from a run that found other numbers than the committed records."""
    if notebook.metadata.get(KEY, {}).get("records") == provenance.numbers(recorded):
        return []
    return ["the outputs do not come from a run that repeated these records; run it again with --keep"]


def size_problems(path):
    """A sentence if the file is too large to read on GitHub."""
    size = path.stat().st_size
    return [f"{path.name} has {size:,} bytes; at most {LARGEST:,} are allowed"] if size > LARGEST else []
