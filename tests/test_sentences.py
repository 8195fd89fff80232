"""say(): sentences with recorded numbers in them."""

import numpy as np
import pytest

from kryptonlib.course import record, records, say, sentences


@pytest.fixture(autouse=True)
def numbers(tmp_path, monkeypatch):
    monkeypatch.setenv(records.RUN_FILE, str(tmp_path / "run.jsonl"))
    monkeypatch.setattr(records, "recorded", {})
    record("race-momentum", 0.0123456)
    record("steps", 12345)
    record("a.b_c-d", 0.5)
    record("losses", np.array([0.25, 1.0, 2.0]))
    record("table", [[1, 2], [3, 4]])
    record("name", "cat")


@pytest.mark.parametrize(
    "template, text",
    [
        ("no number", "no number"),
        ("With momentum the loss falls to {race-momentum:.3g} after {steps} steps.", "falls to 0.0123 after 12,345 steps."),
        ("{steps:d} and {steps:,}", "12345 and 12,345"),
        ("{race-momentum}", "0.0123456"),
        ("{race-momentum:.0%}", "1%"),
        ("{a.b_c-d:.2f}", "0.50"),
        ("{losses:.2f}", "0.25, 1.00 and 2.00"),
        ("{losses[0]:.2f} to {losses[-1]}", "0.25 to 2"),
        ("{table[1][0]}", "3"),
        ("a {name}", "a cat"),
        ("$x_{{ij}}$ is {steps}", "$x_{ij}$ is 12,345"),
    ],
)
def test_recorded_numbers_stand_in_the_sentence(template, text):
    assert sentences.filled(template, {}).endswith(text)


def test_keywords_give_what_is_not_recorded_and_come_first():
    assert sentences.filled("{epochs} of {steps}", {"epochs": 3, "steps": [1, 2]}) == "3 of 1 and 2"
    assert sentences.filled("{x:.{digits}f}", {"x": 1.0, "digits": 2}) == "1.00"


@pytest.mark.parametrize(
    "template, given, words",
    [
        ("{race-momentun:.3g}", {}, "'race-momentun' was recorded in this kernel so far.*mean race-momentum"),
        ("{losses[3]}", {}, "losses has 3 entries"),
        ("{steps[0]}", {}, "steps is no list"),
        ("{losses[a]}", {}, r"write losses\[0\]"),
        ("{name:.3g}", {}, "'.3g' does not fit 'cat'"),
        ("{steps!r}", {}, "give a format behind a colon"),
        ("{}", {}, "a pair of braces without a name"),
        ("{steps", {}, "say\\('{steps'"),
        ("{steps}", {"epochs": 3}, "got epochs, which the sentence does not use"),
    ],
)
def test_a_sentence_that_cannot_be_filled_is_refused(template, given, words):
    with pytest.raises(ValueError, match=words):
        sentences.filled(template, given)


def test_what_is_no_sentence_or_number_is_refused():
    with pytest.raises(TypeError, match="expected a sentence"):
        sentences.filled(3, {})
    with pytest.raises(TypeError, match="got a object"):
        sentences.filled("{x}", {"x": object()})


def test_the_sentence_is_shown_as_markdown(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append(data))
    assert say("**{steps}** steps") is None
    assert shown == [{"text/markdown": "**12,345** steps", "text/plain": "**12,345** steps"}]
