"""What a check is, when it passes, and the radios that are checked.

Counts: k errors in n independent trials of theory p pass when |k - np| <= 5 sqrt(np(1 - p)) + 1, and np >= 100.
Means of independent samples pass within five standard errors. What is exact passes within a stated tolerance.
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
LEAST_ERRORS = 100


@dataclass(frozen=True)
class Check:
    """One measured number and the interval that it has to lie in."""

    name: str
    measured: float
    expected: float
    """NaN where only an interval is expected."""
    low: float
    high: float
    trials: int
    """Independent trials behind the measurement; 0: exact, nothing random."""
    source: str
    """Of the expectation: formula, clause or publication."""

    @property
    def passed(self) -> bool:
        """NaN never passes."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True)
class Section:
    """One group of checks."""

    title: str
    text: str
    """How it is measured; paragraphs."""
    checks: list[Check]
    figures: dict[str, Figure] = field(default_factory=dict)
    """By name of the file, without ending."""


def count(name: str, errors: int, trials: int, p: float, source: str) -> Check:
    """Error rate of independent trials against its theory."""
    expected = trials * p
    if expected < LEAST_ERRORS:
        raise ValueError(f"{name}: {trials} trials expect {expected:.0f} errors, give enough for {LEAST_ERRORS}.")
    slack = (SIGMAS * math.sqrt(expected * (1 - p)) + 1) / trials
    return Check(name, errors / trials, p, p - slack, p + slack, trials, source)


def counts_alike(name: str, errors: int, trials: int, reference: tuple[int, int], source: str) -> Check:
    """Error rate against a published one of (errors, trials): both are random."""
    expected = reference[0] / reference[1]
    if min(trials * expected, reference[0]) < LEAST_ERRORS:
        raise ValueError(
            f"{name}: {trials} trials expect {trials * expected:.0f} errors, give enough for {LEAST_ERRORS}."
        )
    p = (errors + reference[0]) / (trials + reference[1])
    slack = SIGMAS * math.sqrt(p * (1 - p) * (1 / trials + 1 / reference[1]))
    return Check(name, errors / trials, expected, expected - slack, expected + slack, trials, source)


def mean(name: str, samples: npt.ArrayLike, expected: complex, source: str, extra: float = 0.0) -> Check:
    """Mean of independent samples (real or complex); `extra` is added to the allowed distance.

    Of complex numbers the distance from `expected` is measured and must be near zero.
    """
    values = np.asarray(samples)
    error = math.sqrt(float(np.var(values, ddof=1)) / len(values))
    slack = SIGMAS * error + extra
    if np.iscomplexobj(values):
        distance = abs(complex(values.mean()) - expected)
        return Check(name, distance, 0.0, 0.0, slack, len(values), source)
    real = float(np.real(expected))
    return Check(name, float(values.mean()), real, real - slack, real + slack, len(values), source)


def statistic(
    name: str, samples: Floats, function: Callable[[Floats], float], expected: float, source: str, groups: int = 50
) -> Check:
    """`function` of the column means of independent rows [n, m]; its error by a grouped jackknife (Efron 1982)."""
    parts = np.array([part.mean(axis=0) for part in np.array_split(samples, groups)])
    left_out = np.array([function((parts.sum(axis=0) - part) / (groups - 1)) for part in parts])
    error = math.sqrt((groups - 1) * float(np.var(left_out)))
    value, slack = function(samples.mean(axis=0)), SIGMAS * error
    return Check(name, value, expected, expected - slack, expected + slack, len(samples), source)


def near(name: str, measured: float, expected: float, tolerance: float, source: str) -> Check:
    """A number without randomness."""
    return Check(name, measured, expected, expected - tolerance, expected + tolerance, 0, source)


def same(name: str, mismatches: int, compared: int, source: str) -> Check:
    """Values that must all be equal: how many of `compared` are not."""
    return Check(f"{name} (of {compared:,}, differing)", mismatches, 0, 0, 0, 0, source)


def between(name: str, measured: float, low: float, high: float, trials: int, source: str) -> Check:
    """A number of which only bounds are known."""
    return Check(name, measured, math.nan, low, high, trials, source)


CHANNELS: tuple[Channel, ...] = tuple(name for name in get_args(Channel) if name != "recorded")
"""Those that need no file."""


def simple_radio(channel: Channel, num_rx_ant: int = 1, control_code_rate: float | None = None) -> Radio:
    """One layer from one antenna to `num_rx_ant`; the receiver knows the channel."""
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
    """The first transmission of `images` independent messages."""
    return AirInterface(radio.config, radio.draw(images, 1, seed), es_n0_db, seed + 1).forward(0)
