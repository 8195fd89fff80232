"""The flip test as a panel: two candidates alternate with their reference, and somebody says which is closer.

``page`` draws one question, ``edits`` reads what was typed, ``panel`` joins them to a ``judging.Session``, which has
every vote on disk as soon as it is given.
"""

import base64
import html
import io

import ipywidgets
from PIL import Image

from kryptonlib import judging
from kryptonlib.images import to_uint8
from kryptonlib.widgets import wiring

PERIODS = {"every 0.4 s": 0.4, "every 0.7 s": 0.7, "every 1.5 s": 1.5, "not: three images": 0.0}
"""How long each of the two images is seen; never more than three changes a second."""
UNDO = "undo"


def page(material, trial, progress, seconds=0.7, note=""):
    """One question as HTML; it names neither the candidates nor their files.

    Args:
        material: a ``judging.Material``.
        trial: a ``judging.Trial``, or None when all are answered.
        progress: (answered, in all).
        seconds: how long the candidate and the reference are shown in turn; 0 shows the reference between them.
        note: a line for the reader, for example what a key that is none was taken for.

    Returns:
        The HTML. Images are PNG at their own size: anything else would change what is judged.
    """
    done, total = progress
    bar = f'<progress value="{done}" max="{total}" style="width: 100%"></progress>'
    told = f"<p role='status'>{html.escape(note)}</p>" if note else ""
    if trial is None:
        return f"{bar}<p><b>All {total} questions are answered. Thank you.</b></p>{told}"
    reference = material.references[trial.image]
    tests = {key: material.tests[trial.candidate(key)][trial.image] for key in "AB"}
    if seconds:
        parts = [_flipping(key, tests[key], reference, seconds, done) for key in "AB"]
    else:
        between = _still("Reference", reference)
        parts = [_still("A", tests["A"]), between, _still("B", tests["B"])]
    asked = f"<p><b>Question {done + 1} of {total}.</b> Which is closer to the reference, A or B?</p>"
    return f"{bar}{asked}{told}<div style='display: flex; flex-wrap: wrap; gap: 1em'>{''.join(parts)}</div>"


def edits(before, after):
    """What was done to the line of answers: a list of "A", "B" and ``UNDO``.

    Args:
        before: the answers as they were, "ABBA".
        after: what the line holds now, small letters or capital ones. Letters put in anywhere count as new answers;
            other ones are passed over.

    Raises:
        ValueError: more than the last answer was taken away, or another than the last.

    Example:
        >>> edits("AB", "ABb"), edits("AB", "A")
        (['B'], ['undo'])
    """
    after = after.upper()
    if after == before[:-1] and before:
        return [UNDO]
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    if len(after) < len(before) or not after.endswith(before[start:]):
        raise ValueError("only the last answer can be taken back: one press of Backspace at the end, or Undo")
    added = after[start : len(after) - len(before) + start]
    return [letter for letter in added if letter in "AB"]


def panel(material, folder, *, study, observer="", count=None):
    """The voting panel. Needs a running kernel.

    Args:
        material: a ``judging.Material``.
        folder: where the votes go, ``FOLDER/<study>.<observer>.csv``; made with the first vote.
        study: name of the study.
        observer: a pseudonym; "" takes up the votes that lie in the folder, or draws a new one.
        count: how many questions; None asks for every pair on every image.

    Returns:
        An ipywidgets box; ``controls``, ``picture`` and ``redraw`` as of ``wiring.panel``, ``session`` and ``buttons``.
    """
    observer = observer or judging.own_pseudonym(folder, study)
    about = {"images": material.images, "candidates": material.candidates, "study": study, "observer": observer}
    session = judging.Session(folder, **about, count=count, make=True)
    note = f"You are {observer}. Your votes: {session.path}"

    def answers():
        return "".join(session.keys)

    def typed():
        nonlocal note
        try:
            for edit in edits(answers(), controls["answers"].value):
                session.undo() if edit == UNDO else session.vote(edit)
            note = f"You are {observer}. Your votes: {session.path}"
        except ValueError as error:
            note = str(error)
        if controls["answers"].value.upper() != answers():
            controls["answers"].value = answers()

    def drawn(answers, seconds):
        return page(material, session.current, session.progress(), PERIODS[seconds], note)

    controls = {
        "answers": ipywidgets.Text(
            answers(), description="Answers", placeholder="click here, then A or B",
            tooltip="Press A or B for each question; Backspace takes the last answer back", **wiring.look(),
        ),
        "seconds": ipywidgets.Dropdown(
            options=list(PERIODS), value="every 0.7 s", description="Flip", tooltip="How the images alternate",
            **wiring.look(),
        ),
    }  # fmt: skip
    box = wiring.panel(controls, drawn, adjust={"answers": typed})
    # A vote is one key: it must not wait for Enter.
    controls["answers"].continuous_update = True
    box.buttons = {
        name: ipywidgets.Button(description=name, tooltip=told)
        for name, told in (("A", "A is closer"), ("B", "B is closer"), ("Undo", "Take the last answer back"))
    }
    for letter in "AB":
        box.buttons[letter].on_click(lambda _, letter=letter: _set(controls, answers() + letter))
    box.buttons["Undo"].on_click(lambda _: _set(controls, answers()[:-1]))
    box.children += (ipywidgets.HBox(list(box.buttons.values())),)
    box.session = session
    return box


def _set(controls, answers):
    controls["answers"].value = answers


def _source(image):
    """An image as the address of a PNG that needs no file."""
    written = io.BytesIO()
    Image.fromarray(to_uint8(image)).save(written, "png")
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"


def _picture(image, alt, style=""):
    height, width = image.shape[:2]
    size = f"width: {width}px; height: {height}px; max-width: none; image-rendering: pixelated"
    return f'<img src="{_source(image)}" alt="{html.escape(alt)}" style="{size}; {style}">'


def _framed(title, inside):
    below = f"<figcaption style='text-align: center'><b>{title}</b></figcaption>"
    return f"<figure style='margin: 0'>{inside}{below}</figure>"


def _still(title, image):
    return _framed(title, _picture(image, title if title == "Reference" else f"Candidate {title}"))


def _flipping(key, image, reference, seconds, number):
    """The candidate, with the reference above it that comes and goes; style sheets do it, without a script."""
    # A name of its own for every question: a running animation would keep the old beat.
    name = f"krypton-flip-{number}"
    beat = f"<style>@keyframes {name} {{ from {{ opacity: 0 }} 50%, to {{ opacity: 1 }} }}</style>"
    above = f"position: absolute; left: 0; top: 0; animation: {name} {2 * seconds:g}s step-end infinite"
    below = _picture(image, f"Candidate {key}, alternating with the reference")
    return beat + _framed(
        key, f"<div style='position: relative'>{below}{_picture(reference, 'Reference', above)}</div>"
    )
