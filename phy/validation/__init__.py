"""Checks of the radio against theory, standards and published error rates, run by `taskwave validate`.

One file holds one group of checks; `checks.py` defines a check and the rules by which it passes, `coded.py` counts
block errors for several groups, `suite.py` runs the groups and `page.py` writes the page with `page.html.j2`.
To add a check, append a `Check` to the list that a group's `run(quick)` returns in its `Section`. To add a group,
write a module with such a `run` and enter it in `suite.GROUPS`.
"""
