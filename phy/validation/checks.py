"""Definition of a check, the rules by which it passes, and the radios that are checked.

Counts: k errors in n independent trials of theory p pass when |k - np| <= 5 sqrt(np(1 - p)) + 1, and np >= 100.
Means of independent samples pass within five standard errors. Exact values pass within a stated tolerance.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.config.radio import Channel, RadioConfig
from taskwave.phy.radio import Radio

Floats = npt.NDArray[np.float64]

SIGMAS = 5.0
"""Number of standard errors by which a measurement may differ from what is expected."""
LEAST_ERRORS = 100
"""Smallest expected number of errors that a check of counts accepts."""
CHANNELS: tuple[Channel, ...] = tuple(name for name in get_args(Channel) if name != "recorded")
"""Names of the channels that need no file."""
_JACKKNIFE_GROUPS = 50


@dataclass(frozen=True)
class Check:
    """Holds a measured number and the interval that it has to lie in."""

    name: str
    measured: float
    expected: float
    """Expected value; NaN where only an interval is expected."""
    low: float
    """Smallest value that passes."""
    high: float
    """Largest value that passes."""
    trials: int
    """Number of independent trials behind the measurement; 0 if it is exact and nothing is random."""
    source: str
    """Source of the expectation: formula, clause or publication."""

    @property
    def passed(self) -> bool:
        """Whether the measured number lies in the interval; NaN never does."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True)
class Section:
    """Holds one group of checks with its text and figures."""

    title: str
    text: str
    """Description of how the group is measured."""
    checks: list[Check]
    figures: dict[str, Figure] = field(default_factory=dict)
    """Figures by the name of their file, without ending."""

    @property
    def failed(self) -> list[Check]:
        """Checks that do not pass."""
        return [check for check in self.checks if not check.passed]

    @property
    def num_passed(self) -> int:
        """Number of checks that pass."""
        return len(self.checks) - len(self.failed)


def count(name: str, errors: int, trials: int, p: float, source: str) -> Check:
    """Compare the error rate of independent trials with its theory `p`.

    Raises:
        ValueError: fewer than `LEAST_ERRORS` errors are expected.
    """
    expected = trials * p
    if expected < LEAST_ERRORS:
        raise ValueError(f"{name}: {trials} trials expect {expected:.0f} errors, give enough for {LEAST_ERRORS}.")
    slack = (SIGMAS * math.sqrt(expected * (1 - p)) + 1) / trials
    return Check(name, errors / trials, p, p - slack, p + slack, trials, source)


def counts_alike(name: str, errors: int, trials: int, reference: tuple[int, int], source: str) -> Check:
    """Compare an error rate with a published one of (errors, trials); both are random.

    Raises:
        ValueError: fewer than `LEAST_ERRORS` errors are expected or were published.
    """
    expected = reference[0] / reference[1]
    if min(trials * expected, reference[0]) < LEAST_ERRORS:
        raise ValueError(
            f"{name}: {trials} trials expect {trials * expected:.0f} errors, give enough for {LEAST_ERRORS}."
        )
    p = (errors + reference[0]) / (trials + reference[1])
    slack = SIGMAS * math.sqrt(p * (1 - p) * (1 / trials + 1 / reference[1]))
    return Check(name, errors / trials, expected, expected - slack, expected + slack, trials, source)


def mean(name: str, samples: npt.ArrayLike, expected: complex, source: str, extra: float = 0.0) -> Check:
    """Compare the mean of independent samples (real or complex) with `expected`.

    If the samples are complex, the distance of their mean from `expected` is measured and must be near zero.

    Args:
        name: name of the check.
        samples: independent samples [n].
        expected: expected mean.
        source: source of the expectation.
        extra: distance that is allowed in addition to five standard errors.
    """
    values = np.asarray(samples)
    error = math.sqrt(float(np.var(values, ddof=1)) / len(values))
    slack = SIGMAS * error + extra
    if np.iscomplexobj(values):
        distance = abs(complex(values.mean()) - expected)
        return Check(name, distance, 0.0, 0.0, slack, len(values), source)
    real = float(np.real(expected))
    return Check(name, float(values.mean()), real, real - slack, real + slack, len(values), source)


def statistic(name: str, samples: Floats, function: Callable[[Floats], float], expected: float, source: str) -> Check:
    """Compare `function` of the column means of independent rows [n, m] with `expected`.

    The standard error is that of a grouped jackknife with 50 groups (Efron 1982).
    """
    parts = np.array([part.mean(axis=0) for part in np.array_split(samples, _JACKKNIFE_GROUPS)])
    left_out = np.array([function((parts.sum(axis=0) - part) / (_JACKKNIFE_GROUPS - 1)) for part in parts])
    error = math.sqrt((_JACKKNIFE_GROUPS - 1) * float(np.var(left_out)))
    value, slack = function(samples.mean(axis=0)), SIGMAS * error
    return Check(name, value, expected, expected - slack, expected + slack, len(samples), source)


def near(name: str, measured: float, expected: float, tolerance: float, source: str) -> Check:
    """Compare a number without randomness with its expected value."""
    return Check(name, measured, expected, expected - tolerance, expected + tolerance, 0, source)


def same(name: str, mismatches: int, compared: int, source: str) -> Check:
    """Demand that none of `compared` values differs from its reference; `mismatches` is how many do."""
    return Check(f"{name} (of {compared:,}, differing)", mismatches, 0, 0, 0, 0, source)


def between(name: str, measured: float, low: float, high: float, trials: int, source: str) -> Check:
    """Compare a number with bounds where no exact value is known."""
    return Check(name, measured, math.nan, low, high, trials, source)


def simple_radio(channel: Channel, num_rx_ant: int = 1, control_code_rate: float | None = None) -> Radio:
    """Build a radio with one layer from one antenna to `num_rx_ant`, whose receiver knows the channel."""
    return Radio(
        RadioConfig(
            channel=channel,
            csi="perfect",
            num_tx_ant=1,
            num_rx_ant=num_rx_ant,
            num_layers=1,
            control_code_rate=control_code_rate,
        )
    )


def forward(radio: Radio, es_n0_db: float, images: int, seed: int) -> Air:
    """Draw the air of the first forward transmission of `images` independent messages."""
    return AirInterface(radio.config, radio.draw(images, 1, seed), es_n0_db, seed + 1).forward(0)


def reverse(radio: Radio, es_n0_db: float, images: int, seed: int) -> Air:
    """Draw the air of the reverse transmission that answers the one of `forward`."""
    return AirInterface(radio.config, radio.draw(images, 1, seed), es_n0_db, seed + 1).reverse(0)
