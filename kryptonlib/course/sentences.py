"""Sentences with the numbers of the run in them."""

import difflib
import re
import string

from kryptonlib.course import records
from kryptonlib.course.values import leaves, plain, show

INDEX = re.compile(r"\[(-?\d+)\]")


def say(template, **values):
    """Show a sentence (Markdown) with numbers of this run.

    In ``template``, ``{name}`` stands for the value recorded under this name before, or for the keyword ``name``;
    ``{name:.3g}`` formats it as ``format`` does, ``{name[0]}`` takes one entry of a list. A list becomes
    "1, 2 and 3". Without a format, numbers have at most six significant digits. Braces of LaTeX are doubled.

    Args:
        template: the sentence; several may stand in one call.
        values: numbers and texts that are not recorded, for example a parameter. They come before recorded ones.

    Raises:
        ValueError: a name that is neither recorded nor given, an index a list does not have, a format that does not
            fit the value, a keyword that the sentence does not use.

    Example:
        >>> record("race-momentum", 0.0123456)
        0.0123456
        >>> say("With momentum the loss falls to {race-momentum:.3g} after {steps} steps.", steps=150)
    """
    from IPython.display import display

    text = filled(template, values)
    display({"text/markdown": text, "text/plain": text}, raw=True)


def filled(template, values):
    """The sentence that ``say`` shows."""
    if not isinstance(template, str):
        raise TypeError(f"say() got a {type(template).__name__}; expected a sentence with {{names}} in it")
    formatter = Sentence()
    try:
        text = formatter.vformat(template, (), values)
    except ValueError as error:
        raise ValueError(f"say({shortened(template)!r}): {error}") from None
    unused = sorted(set(values) - formatter.used)
    if unused:
        raise ValueError(f"say({shortened(template)!r}) got {', '.join(unused)}, which the sentence does not use")
    return text


def shortened(template):
    """The beginning of a long sentence, for messages."""
    return template if len(template) <= 60 else template[:59] + "…"


class Sentence(string.Formatter):
    """``str.format`` whose names are those of records: they may hold - and . and stand for lists too."""

    def __init__(self):
        self.used = set()

    def get_field(self, field_name, args, kwargs):
        """(value, name) of what stands between braces before a colon."""
        name, bracket, _ = field_name.partition("[")
        if not name or name.isdigit():  # str.format numbers empty braces
            raise ValueError("a pair of braces without a name; write one between them, or double them: {{ }}")
        self.used.add(name)
        if name in kwargs:
            value = kwargs[name]
        elif name in records.recorded:
            value = records.recorded[name]
        else:
            near = difflib.get_close_matches(name, [*kwargs, *records.recorded], n=3)
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ValueError(f"no number {name!r} was recorded in this kernel so far and no keyword gives it{meant}")
        if bracket:
            value = entry_of(name, plain(f"say() with {name!r}", value), field_name[len(name) :])
        return value, name

    def convert_field(self, value, conversion):
        """Conversions (``!r``) are for programmers."""
        if conversion is not None:
            raise ValueError(f"it holds '!{conversion}'; give a format behind a colon, for example {{loss:.3g}}")
        return value

    def format_field(self, value, format_spec):
        """A number, a text or a list as it stands in the sentence."""
        value = plain("say()", value)
        texts = [formatted(item, format_spec) for item in leaves(value)]
        if len(texts) < 2:
            return "".join(texts)
        return ", ".join(texts[:-1]) + " and " + texts[-1]


def entry_of(name, value, indices):
    """One entry of a (nested) list: the value behind ``[0]`` or ``[0][1]``."""
    found = INDEX.findall(indices)
    if "".join(f"[{index}]" for index in found) != indices:
        raise ValueError(f"{name}{indices} is no entry of a list; write {name}[0] for the first one")
    for index in map(int, found):
        if not isinstance(value, list) or not -len(value) <= index < len(value):
            length = f"has {len(value)} entries" if isinstance(value, list) else "is no list"
            raise ValueError(f"there is no {name}{indices}: {name} {length}")
        value = value[index]
    return value


def formatted(value, format_spec):
    """One number or text."""
    if not format_spec:
        return show(value)
    try:
        return format(value, format_spec)
    except (ValueError, TypeError):
        raise ValueError(f"the format {format_spec!r} does not fit {value!r}") from None
