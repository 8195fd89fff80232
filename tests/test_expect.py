"""What the exercises' checks share: right answers pass, others get the case, what came and the hint."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kryptonlib.course.checks import expect

CASE = "f(3)"


@pytest.mark.parametrize("got", [2, 2.0, np.float32(2), np.array(2.0), torch.tensor(2.0, requires_grad=True)])
def test_a_number(got):
    assert expect.number(got, CASE) == 2.0
    assert isinstance(expect.number(got, CASE), float)


@pytest.mark.parametrize("got", [2, np.int64(2)])
def test_a_count(got):
    expect.count(got, 2, CASE, "torch counts {}", "hint")


@pytest.mark.parametrize("got", [(1, 2), [1, 2], np.array([1, 2]), torch.tensor([1, 2])])
def test_parts(got):
    assert expect.parts(got, 2, CASE, "(low, high)") is got


@pytest.mark.parametrize("got", [[[1, 2], [3, 4]], np.float32([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 4.0]])])
def test_an_array(got):
    array = expect.array(got, (2, 2), CASE)
    assert array.dtype == np.float64 and array.tolist() == [[1, 2], [3, 4]]


REFUSED = {
    "no number": (lambda: expect.number(None, CASE), "it returned nothing: does it end with `return`"),
    "two numbers": (lambda: expect.number([1, 2], CASE), r"it returned \[1, 2\]; expected one number"),
    "a text for a number": (lambda: expect.number("two", CASE), "it returned 'two'; expected one number"),
    "an object for a number": (lambda: expect.number(object(), CASE), "it returned <object .*; expected numbers"),
    "no count": (lambda: expect.count(None, 2, CASE, "{}", "hint"), "it returned nothing"),
    "a fraction": (lambda: expect.count(2.0, 2, CASE, "{}", "hint"), "it returned 2.0; a count is an int"),
    "a bool": (lambda: expect.count(True, 1, CASE, "{}", "hint"), "it returned True; a count is an int"),
    "another count": (
        lambda: expect.count(3, 2, CASE, "torch takes {} windows", "round down"),
        "it returned 3, but torch takes 2 windows: round down",
    ),
    "no parts": (lambda: expect.parts(None, 2, CASE, "(a, b)"), "it returned nothing"),
    "one value for parts": (lambda: expect.parts(3, 2, CASE, "(a, b)"), r"it returned 3; expected \(a, b\)"),
    "a text for parts": (lambda: expect.parts("ab", 2, CASE, "(a, b)"), r"it returned 'ab'; expected \(a, b\)"),
    "no list but an array of no axes": (lambda: expect.parts(np.array(3), 2, CASE, "(a, b)"), "expected"),
    "three parts": (lambda: expect.parts([1, 2, 3], 2, CASE, "(a, b)"), r"it returned 3 parts; expected \(a, b\)"),
    "no array": (lambda: expect.array(None, (2,), CASE), "it returned nothing"),
    "another shape": (lambda: expect.array([1, 2, 3], (2,), CASE, "hint"), r"\(3,\), expected \(2,\): hint"),
    "ragged": (lambda: expect.array([[1], [2, 3]], (2, 2), CASE), r"it returned \[\[1\], \[2, 3\]\]; expected numbers"),
    "another value": (
        lambda: expect.close([[1, 2], [3, 5]], [[1, 2], [3, 4]], CASE, "add both"),
        r"at \(1, 1\) it is 5, expected 4: add both",
    ),
    "another value on one axis": (lambda: expect.close([1, 3], [1, 2], CASE, ""), "at 1 it is 3, expected 2$"),
    "another number": (lambda: expect.close(1.5, 1.25, CASE, "halve"), "it is 1.5, expected 1.25: halve"),
    "a NaN": (lambda: expect.close([1, np.nan], [1, 2], CASE, "hint"), "at 1 it is nan, expected 2"),
    "no NaN": (lambda: expect.close([1, 2], [1, np.nan], CASE, "hint"), "at 1 it is 2, expected nan"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_answer_that_is_not_right_is_told_what_came(what):
    judged, words = REFUSED[what]
    with pytest.raises(AssertionError, match=words) as raised:
        judged()
    assert str(raised.value).startswith("f(3): ")


@given(st.floats(-1e3, 1e3), st.floats(-1, 1), st.floats(0, 0.1), st.floats(0, 0.1))
def test_close_is_numpys_isclose(truth, change, rtol, atol):
    try:
        expect.close(truth + change, truth, CASE, "", rtol=rtol, atol=atol)
        near = True
    except AssertionError:
        near = False
    assert near == bool(np.isclose(truth + change, truth, rtol=rtol, atol=atol))


def test_a_long_answer_is_cut():
    assert len(expect.shortened(list(range(1000)))) == 80
    assert "\n" not in expect.shortened(np.zeros((3, 3)))


def test_calls_and_success_are_named(capsys):
    assert expect.call("f", 3, (1, 2), stride=2) == "f(3, (1, 2), stride=2)"
    expect.passed("f", 3, "networks")
    assert capsys.readouterr().out == "✓ f: 3 networks\n"
