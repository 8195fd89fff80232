"""Run a list of notebooks one after the other, tell how it goes, and sum up: what ``make reproduce`` does."""

import sys
import time

from kryptonlib.course.runner import Run


def run(course, only=None, profile="default", given=None, fresh=False, keep=False, report=False, time_limit=None):
    """Run notebooks in reading order and compare them with their records.

    A notebook that fails does not stop the others. Interrupted, the finished ones are not repeated next time.

    Args:
        course: the notebooks and where things lie.
        only: ids, "02,04"; None runs all.
        profile, given, fresh, time_limit: see ``runner.Run``.
        keep: copy the outputs of good default runs into ``notebooks/``.
        report: write ``build/report.html`` and ``build/report.json``.

    Returns:
        How many problems there were; 0 means that everything equals its record.
    """
    notebooks = course.select(only)
    if keep and (profile != "default" or given):
        raise ValueError("--keep commits the outputs of a default run; drop --profile and --parameter")
    problems = [] if only else course.differences()
    start = time.perf_counter()
    runs = Run(course, profile, given, fresh, time_limit)
    about = runs.surroundings
    print(f"{counted(len(notebooks), 'notebook')}, profile {runs.label}, {about['device']}, {about['threads']} threads")
    states = execute(runs, notebooks)
    for notebook, state in zip(notebooks, states):
        problems += [f"{notebook.id}: {problem}" for problem in state["problems"]]
        if keep and not state["problems"]:
            problems += [f"{notebook.id}: {problem}" for problem in kept(course, notebook, runs)]
    if report:
        from kryptonlib.course import report as page

        print(f"report: {page.write(course, notebooks, states, problems).relative_to(course.root)}")
    sum_up(notebooks, states, problems, time.perf_counter() - start)
    return len(problems)


def execute(runs, notebooks):
    """Run the notebooks one by one with a progress bar and a line for each; returns their states."""
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    states = []
    with tqdm(notebooks, desc="notebooks", unit="notebook", disable=not terminal, file=sys.stderr) as bar:
        for position, notebook in enumerate(bar, start=1):
            bar.set_postfix_str(f"{notebook.id} {notebook.title}")
            if not terminal:
                print(f"[{position}/{len(notebooks)}] {notebook.path.name} …", flush=True)
            state = runs.notebook(notebook, progress=terminal)
            states.append(state)
            tqdm.write(result_line(notebook, state))
    return states


def result_line(notebook, state):
    """How one notebook went."""
    verdict = f"FAILED ({counted(len(state['problems']), 'problem')})" if state["problems"] else "ok"
    spent = f"{state['seconds']:.1f} s" + (", earlier run" if state["reused"] else "")
    made = f"{counted(len(state['records']), 'number')}, {counted(len(state['figures']), 'figure')}"
    return f"  {notebook.id} {notebook.title}: {verdict}, {spent}, {made}"


def counted(number, noun):
    """"1 notebook", "2 notebooks"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def sum_up(notebooks, states, problems, seconds):
    """Print how long each part took and every problem."""
    print("time: " + ", ".join(f"{notebook.id} {state['seconds']:.0f} s" for notebook, state in zip(notebooks, states)))
    print(f"total: {seconds:.0f} s")
    if problems:
        print(f"{counted(len(problems), 'problem')}:")
        for problem in problems:
            print(f"  {problem}")
    else:
        numbers = sum(len(state["records"]) for state in states)
        print(f"all well: {counted(len(notebooks), 'notebook')}, {counted(numbers, 'number')} as recorded")


def kept(course, notebook, runs):
    """Copy a good default run's outputs into ``notebooks/``; returns what speaks against it."""
    import nbformat

    from kryptonlib.course import freshness, records

    executed = nbformat.read(runs.folder / notebook.path.name, as_version=4)
    recorded = records.load(course.records_path(notebook, "default"))
    result = freshness.with_outputs(nbformat.read(notebook.path, as_version=4), executed, recorded)
    problems = freshness.output_problems(result)
    if not problems:
        nbformat.write(result, notebook.path)
        print(f"  {notebook.id}: outputs kept in notebooks/{notebook.path.name}")
    return problems


def update_records(course, only=None, profile="default", fresh=False):
    """Run notebooks (or take their good runs) and write their records; returns how many could not be written."""
    from kryptonlib.course import recording

    recording.refuse_in_ci()
    notebooks = course.select(only)
    runs = Run(course, profile, fresh=fresh)
    failed = 0
    for notebook, state in zip(notebooks, execute(runs, notebooks)):
        if state["refused"] or not state["executed"]:
            failed += 1
            print(f"{notebook.id}: not recorded")
            for problem in state["problems"]:
                print(f"  {problem}")
            continue
        changes = recording.update(course, notebook, profile, state)
        print(f"{notebook.id}.{profile}: {counted(len(changes), 'change')}")
        for change in changes:
            print(f"  {change}")
    return failed


def show_records(course, only=None, profile="default"):
    """Print the committed records."""
    from kryptonlib.course import records

    for notebook in course.select(only):
        entries = records.load(course.records_path(notebook, profile))
        print(f"{notebook.id} {notebook.title}: {counted(len(entries), 'number')} recorded ({profile})")
        for name, entry in entries.items():
            print(f"  {records.line({'name': name, **entry})}")
    return 0
