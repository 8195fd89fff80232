"""The five tasks ask what they say, and the networks learn them."""

import pytest
import torch

from kryptonlib.sequences import tasks


def truth(name, inputs):
    """The answers of one sequence of symbols, by a plain loop; None where nothing is asked."""
    values = [symbol - 1 for symbol in inputs]
    if name == "one to one":
        return [values[0] % 3]
    if name == "one to many":
        return [max(values[0] - t, 0) for t in range(len(values))]
    if name == "many to one":
        return [None] * 7 + [values[0]]
    if name == "many to many":
        return [None] * 4 + values[:4][::-1]
    return [sum(values[: t + 1]) % 2 for t in range(len(values))]


@pytest.mark.parametrize("name", tasks.TASKS)
def test_answers(name):
    inputs, answers = tasks.sample(name, 50)
    task = tasks.TASKS[name]
    assert inputs.shape == answers.shape and inputs.dtype == answers.dtype == torch.int64
    assert inputs.min() >= 0 and inputs.max() < task.symbols and answers.max() == task.answers - 1
    for column in range(50):
        expected = [tasks.UNASKED if answer is None else answer for answer in truth(name, inputs[:, column].tolist())]
        assert answers[:, column].tolist() == expected
    assert torch.equal(tasks.sample(name, 50)[0], inputs) and not torch.equal(tasks.sample(name, 50, seed=1)[0], inputs)


SHAPES = dict(zip(tasks.TASKS, [(1, 1), (1, 6), (8, 1), (4, 4), (8, 8)]))


@pytest.mark.parametrize("name", tasks.TASKS)
def test_shapes(name):
    inputs, answers = tasks.sample(name, 3)
    assert ((inputs[:, 0] != tasks.BLANK).sum(), (answers[:, 0] != tasks.UNASKED).sum()) == SHAPES[name]


def test_a_network_learns_and_one_without_memory_cannot():
    assert tasks.accuracy(tasks.train("synchronised", steps=200), "synchronised") == 1
    assert tasks.accuracy(tasks.train("synchronised", steps=200, memory=False), "synchronised") < 0.7


def test_without_memory_an_output_depends_on_its_own_symbol_alone():
    task = tasks.TASKS["synchronised"]
    network = tasks.Network("LSTM", task.symbols, task.answers, memory=False)
    inputs, _ = tasks.sample("synchronised", 4)
    scores, reversed_scores = network(inputs), network(inputs.flip(0))
    torch.testing.assert_close(scores.flip(0), reversed_scores)
    with_memory = tasks.Network("LSTM", task.symbols, task.answers)
    assert (with_memory(inputs).flip(0) - with_memory(inputs.flip(0))).abs().max() > 1e-3


def test_bad_input():
    with pytest.raises(ValueError, match="did you mean one to many"):
        tasks.sample("one to meny", 3)
    with pytest.raises(ValueError, match="at least 1"):
        tasks.sample("one to many", 0)
    with pytest.raises(ValueError, match="task"):
        tasks.train("translation")
