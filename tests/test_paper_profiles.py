"""The profile "paper" of notebooks 04 to 06 on small folders in the layouts of Krypton's data sets.

The notebooks' own lines that read the images are run, with the profile's parameters; the thousands of passes that
follow at the paper's patch and stride are not.
"""

import ast

import nbformat
import numpy as np
import paper_folders
import pytest
import torch

from kryptonlib import occlusion, zoo
from kryptonlib.course.catalogue import Course

READS = "images_of("


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    return {name: make(root / name) for name, make in paper_folders.LAYOUTS.items()}


def read_by(number, **own):
    """(names, statements) of a notebook's cell that reads images, up to the line that does so.

    The names are those of its imports, the profile's parameters, ``own`` ones and all functions.
    """
    course = Course()
    (notebook,) = (one for one in course.notebooks if one.id == number)
    cells = [cell for cell in nbformat.read(notebook.path, 4).cells if cell.cell_type == "code"]
    known = {}
    for tag in ("imports", "parameters"):
        (cell,) = (cell for cell in cells if tag in cell.metadata.get("tags", []))
        exec(cell.source, known)
    given = {**course.parameters(notebook, "paper"), **own}
    assert given.keys() <= known.keys()
    known.update(given)
    for cell in cells:
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.FunctionDef):
                run([statement], known)
    (cell,) = (cell for cell in cells if READS in cell.source)
    return known, upto_reading(ast.parse(cell.source).body)


def upto_reading(statements):
    (last,) = (place for place, one in enumerate(statements) if READS in ast.unparse(one))
    return statements[: last + 1]


def run(statements, known):
    exec(ast.unparse(ast.Module(statements, [])), known)


def test_04_reads_chest_x_rays_of_a_folder(folders):
    known, statements = read_by("04", chest_folder=str(folders["ChestX-ray8"]))
    run(statements, known)
    chests = known["chests"]
    assert [chest.label[-1] for chest in chests] == ["Effusion", "No Finding", "Pneumonia", "No Finding"]
    lungs = zoo.load("xception-pneumonia")
    heat = occlusion.heatmap(lungs, chests[1], patch=75, stride=75, target=1, score="log-odds", method="full")
    assert heat.values.shape == (2, 2) and np.isfinite(heat.values).all()


def test_05_reads_an_image_of_each_set(folders):
    own = [str(folders[name]) for name in ("OCT", "ChestX-ray8", "bone-age")]
    known, (*before, loop) = read_by("05", own_folders=own)
    loop.body = [*upto_reading(loop.body), ast.parse("inputs.append((net, x))").body[0]]
    known["inputs"] = []
    run([*before, loop], known)
    assert [tuple(x.shape[1:]) for _, x in known["inputs"]] == [(3, 224, 224), (3, 224, 224), (3, 299, 299)]
    for net, x in known["inputs"]:
        red, green = (plane * spread + mean for plane, mean, spread in zip(x[0, :2], (0.485, 0.456), (0.229, 0.224)))
        assert x.std() > 0.1 and torch.allclose(red, green, atol=1e-5), "a grey picture with structure"
        with torch.inference_mode():
            assert torch.isfinite(net(x)).all()


@pytest.mark.parametrize("name, own_set, count", [("OCT", "kermany_oct", 4), ("ChestX-ray8", "chest_xray8", 4),
                                                  ("bone-age", "rsna_bone_age", 4)])  # fmt: skip
def test_06_tunes_on_images_of_a_folder(folders, name, own_set, count):
    known, statements = read_by("06", own_folder=str(folders[name]), own_set=own_set)
    run(statements, known)
    images, net = known["images"], known["cnn"]
    assert len(images) == count
    cache = known["ScoreCache"](net, images[0].image, patch=96, stride=96)
    assert np.isfinite(cache.scores()).all() and cache.scores().std() > 0
