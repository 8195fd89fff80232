"""The live checks of the exercises, one file per notebook.

``nbNN.check_<name>(answer)`` raises AssertionError with a hint that names the failing case and what to think of, and
prints one line when the answer is right. The truth is computed independently in the check, never only stored.
"""
