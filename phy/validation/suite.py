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
"""Functions that run a group of checks, by the name of the group; their argument is `quick`."""


def validate(groups: Sequence[str], out: Path, *, quick: bool, console: Console, messages: Console) -> bool:
    """Run the checks, write the page into `out` and print a summary.

    Args:
        groups: names of the groups to run; all if none is given.
        out: folder of the page.
        quick: whether to measure fewer points with fewer trials.
        console: console of the summary.
        messages: console of the progress.

    Returns:
        Whether all checks pass.

    Raises:
        ValueError: there is no group of such a name.
    """
    start = perf_counter()
    sections: dict[str, Section] = {}
    names = chosen(groups)
    messages.print(f"{len(names)} groups of checks: {', '.join(names)}")
    for name, section, seconds in run(names, quick):
        sections[name] = section
        messages.print(f"{name}: {section.num_passed} of {len(section.checks)} in {seconds:.0f} s")
    command = " ".join(["taskwave", *sys.argv[1:]])
    files = page.write(out, sections, perf_counter() - start, command, __version__)
    rows = [[section.title, f"{section.num_passed} of {len(section.checks)}"] for section in sections.values()]
    console.print(make_table("The radio against theory and standards", ["group", "passed"], rows))
    failed = [check for section in sections.values() for check in section.failed]
    for check in failed:
        allowed = f"{page.number(check.low)} … {page.number(check.high)}"
        console.print(f"FAIL {check.name}: {page.number(check.measured)}, allowed {allowed}", markup=False)
    for path in files:
        console.print(str(path), markup=False)
    return not failed


def chosen(names: Sequence[str]) -> list[str]:
    """Return the names of the chosen groups in the order of the page, all if none is given.

    Raises:
        ValueError: there is no group of such a name.
    """
    for name in names:
        if name not in GROUPS:
            raise ValueError(f"there is no group of checks {name!r}: use {', '.join(GROUPS)}, or none for all.")
    return [name for name in GROUPS if not names or name in names]


def run(names: Sequence[str], quick: bool) -> Iterator[tuple[str, Section, float]]:
    """Run groups and yield name, section and duration [s] of each as soon as it is done."""
    for name in names:
        start = perf_counter()
        section = GROUPS[name](quick)
        yield name, section, perf_counter() - start
