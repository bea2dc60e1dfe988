"""All groups of checks in the order of the page, and the command `taskwave validate` that runs them."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console

from taskwave import __version__
from taskwave.phy.drawing import make_table
from taskwave.phy.validation import (
    channel_statistics,
    equaliser,
    feedback,
    finite_length,
    ldpc,
    page,
    standards,
    suite,
    uncoded,
)
from taskwave.phy.validation.checks import Section

GROUPS: dict[str, Callable[[bool], Section]] = {
    "standards": standards.run,
    "ber": uncoded.run,
    "ldpc": ldpc.run,
    "feedback": feedback.run,
    "finite-length": finite_length.run,
    "equaliser": equaliser.run,
    "channels": channel_statistics.run,
}


def chosen(names: Sequence[str]) -> list[str]:
    """Names of groups, all if none is given.

    Raises:
        ValueError: no such group.
    """
    for name in names:
        if name not in GROUPS:
            raise ValueError(f"there is no group of checks {name!r}: use {', '.join(GROUPS)}, or none for all.")
    return [name for name in GROUPS if not names or name in names]


def run(names: Sequence[str], quick: bool) -> Iterator[tuple[str, Section, float]]:
    """Name, section and seconds of each group, as they are done."""
    for name in chosen(names):
        start = perf_counter()
        section = GROUPS[name](quick)
        yield name, section, perf_counter() - start


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
