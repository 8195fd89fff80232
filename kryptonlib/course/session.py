"""Which notebook of the course runs in this kernel, so that its numbers are held against its own record."""

import os
import re

FILE = re.compile(r"(?:^|[/\\:])(\d\d)_[^/\\]*\.ipynb")


def notebook_number():
    """The number of the notebook that this kernel belongs to, "05"; None where nothing tells.

    Jupyter's server names it in the kernel's environment, VS Code among the notebook's variables. A copy that keeps
    the number in its name ("05_incremental_inference-Copy1.ipynb") counts as that notebook.
    """
    names = [os.environ.get("JPY_SESSION_NAME", "")]
    try:
        from IPython import get_ipython
    except ImportError:
        pass
    else:
        shell = get_ipython()
        names.append(str(shell.user_ns.get("__vsc_ipynb_file__", "")) if shell is not None else "")
    for name in names:
        found = FILE.findall(name)
        if found:
            return found[-1]
    return None
