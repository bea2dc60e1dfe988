"""What `taskwave validate` does."""

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console

from taskwave import __version__
from taskwave.scenarios.report import make_table
from taskwave.scenarios.validation import page, suite
from taskwave.scenarios.validation.checks import Section


def validate(groups: Sequence[str], out: Path, *, quick: bool, console: Console, messages: Console) -> bool:
    """Run the checks, write the page into `out`, print a summary. True if all checks pass."""
    start = perf_counter()
    sections: dict[str, Section] = {}
    names = suite.chosen(groups)
    messages.print(f"{len(names)} groups of checks: {', '.join(names)}")
    for name, section, seconds in suite.run(names, quick):
        sections[name] = section
        passed = sum(c.passed for c in section.checks)
        messages.print(f"{name}: {passed} of {len(section.checks)} in {seconds:.0f} s")
    command = " ".join(["taskwave", *sys.argv[1:]])
    files = page.write(out, sections, perf_counter() - start, command, __version__)
    rows = [[s.title, f"{sum(c.passed for c in s.checks)} of {len(s.checks)}"] for s in sections.values()]
    console.print(make_table("The radio against theory and standards", ["group", "passed"], rows))
    failed = [c for s in sections.values() for c in s.checks if not c.passed]
    for check in failed:
        allowed = f"{page.number(check.low)} … {page.number(check.high)}"
        console.print(f"FAIL {check.name}: {page.number(check.measured)}, allowed {allowed}", markup=False)
    for path in files:
        console.print(str(path), markup=False)
    return not failed
