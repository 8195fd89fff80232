"""The two examples of the tutorial's "Frameworks": one recurrent cell, and a loop whose length depends on the data.

Each is made as a dynamic graph (``graphs.Node``) and as a static one (``torch.export``).
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from kryptonlib.basics import graphs
from kryptonlib.plots import WIDTH


def recurrent_cell(seed=0):
    """The slides' cell, h = tanh(W_h h + W_x x) with W_h 20 x 20 and W_x 20 x 10, summed to one number.

    Returns:
        (loss, program, equal): the ``Node`` after ``backward``, the exported program, and whether the gradients of both
        weights are the same in both (within 1e-12).
    """
    draw = np.random.default_rng(seed)
    shapes = {"W_h": (20, 20), "W_x": (20, 10), "h": (1, 20), "x": (1, 10)}
    values = {name: draw.normal(size=shape) for name, shape in shapes.items()}
    W_h, W_x, h, x = (graphs.Node(value, name) for name, value in values.items())
    loss = (W_h @ h.T + W_x @ x.T).tanh().sum()
    loss.backward()
    given = torch.tensor(values["h"]), torch.tensor(values["x"])
    program = graphs.export(graphs.RecurrentCell(values["W_h"], values["W_x"]), given)
    module = program.module()
    module(*given).backward()
    pairs = (W_h.gradient, module.W_h.grad), (W_x.gradient, module.W_x.grad)
    return loss, program, all(np.allclose(ours, theirs, atol=1e-12) for ours, theirs in pairs)


def counting_loop(first=1, last=5):
    """``while t1 < t2: t1 = t1 + 1``, recorded as it ran, and exported as one operation.

    Returns:
        (node, program, refused): the last ``Node`` of the dynamic loop, the exported loop, and whether ``torch.export``
        refused the loop as Python writes it.
    """
    now, end, one = (graphs.Node(value, name) for value, name in ((first, "t1"), (last, "t2"), (1, "1")))
    while now.value < end.value:
        now = now + one
    begin = torch.tensor(first), torch.tensor(last)
    try:
        graphs.export(graphs.PythonLoop(), begin)
        refused = False
    except RuntimeError as problem:
        refused = "data-dependent" in str(problem)
    return now, graphs.export(graphs.GraphLoop(), begin), refused


def drawn(loss, program, last, loop):
    """Both examples as both kinds of graph, one below the other; arguments as the two functions above return them.

    Returns:
        The figure: the dynamic cell is drawn with the gradients of the way back, the static one with shapes.
    """
    norms = {node.name: f"‖∂‖ {np.linalg.norm(node.gradient):.2f}" for node in loss.history()}
    figure, axes = plt.subplots(4, 1, figsize=(WIDTH, 8.6), height_ratios=[1.7, 1.7, 1, 1.5])
    graphs.draw(graphs.recorded(loss), axes[0], backward=norms)
    graphs.draw(graphs.exported(program), axes[1])
    graphs.draw(graphs.recorded(last), axes[2], shapes=False)
    graphs.draw(graphs.exported(loop), axes[3], shapes=False)
    titles = (
        "dynamic: the cell, with the gradients of the way back",
        "static: the cell",
        "dynamic: the loop as it ran",
        "static: the loop as one operation",
    )
    for place, title in zip(axes, titles):
        place.set_title(title)
    return figure
