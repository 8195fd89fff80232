"""What the parameters cell of a notebook may be, and which values may replace it.

papermill lets a misspelt name pass with a warning, puts values into a notebook without a parameters cell where the
notebook overwrites them, and does not notice a parameter that nothing reads. These checks run before it does.
"""

import ast
import re
import symtable

TAG = "parameters"
INJECTED = "injected-parameters"
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
"""A number such as 1e-3."""


def tagged(notebook, tag):
    """The positions of the cells with a tag."""
    return [i for i, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", [])]


def read_yaml(text):
    """YAML with the numbers that Python and YAML 1.2 know: for YAML 1.1, PyYAML's, 1e-3 is a text.

    Raises:
        yaml.YAMLError: the text is no YAML.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))
    return yaml.load(text, Loader)


def literals(source):
    """The parameters of a cell: name -> value.

    Raises:
        ValueError: the cell holds something other than ``name = literal``.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ValueError(f"the parameters cell is not Python: {error}") from None
    values = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target = statement.target
        else:
            target = None
        text = ast.unparse(statement)
        if not isinstance(target, ast.Name):
            raise ValueError(f"the parameters cell holds {text!r}; expected only lines 'name = literal'")
        try:
            value = ast.literal_eval(statement.value)
        except ValueError:
            raise ValueError(f"the parameters cell holds {text!r}, which is derived, not a plain literal") from None
        if target.id in values:
            raise ValueError(f"the parameters cell sets {target.id!r} twice")
        values[target.id] = value
    return values


def kind_problem(name, value, default):
    """A sentence if ``value`` cannot replace ``default``, else None. Whole numbers may replace decimal ones."""
    if default is None:
        return None
    wanted = (int, float) if isinstance(default, float) else type(default)
    fits = isinstance(value, wanted) and (isinstance(default, bool) or not isinstance(value, bool))
    if not fits:
        return (
            f"parameter {name!r} got {value!r} ({type(value).__name__}); "
            f"the notebook has {default!r} ({type(default).__name__})"
        )
    if isinstance(default, (list, tuple)) and len(default) > 0:
        inner = [kind_problem(f"{name}[{i}]", item, default[0]) for i, item in enumerate(value)]
        return next((problem for problem in inner if problem), None)
    return None


def code(cell):
    """A cell's source as Python: IPython's ``%magics`` and ``!commands`` are turned into calls."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(cell.source)


def names_read_and_set(source):
    """(global names that the code reads, also inside functions; names that it sets at its top level)."""
    top = symtable.symtable(source, "cell", "exec")
    reads = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    sets = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    inner = list(top.get_children())
    while inner:
        table = inner.pop()
        inner += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                reads.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                sets.add(symbol.get_name())
    return reads, sets


def problems(notebook, given):
    """Everything that is wrong with a notebook's parameters and the values given for them.

    Args:
        notebook: the notebook as nbformat reads it.
        given: name -> value that shall replace the notebook's own.

    Returns:
        One sentence per problem; an empty list if papermill may run it.
    """
    places = tagged(notebook, TAG)
    found = []
    if tagged(notebook, INJECTED):
        found.append("the notebook holds a cell that papermill injected; delete it")
    if len(places) != 1:
        return found + [f"the notebook has {len(places)} cells tagged 'parameters'; expected exactly one"]
    try:
        defaults = literals(notebook.cells[places[0]].source)
    except ValueError as error:
        return found + [str(error)]
    for name, value in given.items():
        if name not in defaults:
            found.append(f"the notebook has no parameter {name!r}; it has {', '.join(defaults) or 'none'}")
        else:
            found.append(kind_problem(name, value, defaults[name]))
    read, overwritten = set(), set()
    for cell in notebook.cells[places[0] + 1 :]:
        if cell.cell_type != "code":
            continue
        try:
            reads, sets = names_read_and_set(code(cell))
        except SyntaxError as error:
            found.append(f"cell {cell.get('id')} is not Python: {error}")
            continue
        overwritten |= sets
        read |= reads
    found += [f"no later cell reads the parameter {name!r}" for name in defaults if name not in read]
    found += [f"a later cell overwrites the parameter {name!r}" for name in defaults if name in overwritten]
    return [problem for problem in found if problem]
