"""All groups of checks, in the order of the page."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

from taskwave.scenarios.validation import (
    channel_statistics,
    equaliser,
    feedback,
    finite_length,
    ldpc,
    standards,
    uncoded,
)
from taskwave.scenarios.validation.checks import Section

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
