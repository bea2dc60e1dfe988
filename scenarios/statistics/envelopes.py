"""Envelopes of many resamples at once: fewest channel uses that reach an accuracy, and their mean over accuracies."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Envelopes:
    """Holds the best accuracy within a number of channel uses in each of R resamples, as `gain.Envelope` does for one.

    Resamples differ in how many points stay on the envelope; the rest of a row is filled up and never read.
    """

    accuracy: Floats
    """Accuracies [R, N], strictly rising up to the number of points, inf beyond."""
    log_uses: Floats
    """Natural logarithms of the channel uses [R, N]."""
    count: npt.NDArray[np.intp]
    """Number of points of each resample [R]; 0 where the resample is undefined."""

    @property
    def lowest(self) -> Floats:
        """Accuracy of the first point [R], inf where there is none."""
        return self.accuracy[:, 0]

    @property
    def highest(self) -> Floats:
        """Accuracy of the last point [R], NaN where there is none."""
        return _last(self.accuracy, self.count)

    @property
    def fewest(self) -> Floats:
        """Log uses of the first point [R], NaN where there is none."""
        return np.where(self.count > 0, self.log_uses[:, 0], np.nan)

    @property
    def most(self) -> Floats:
        """Log uses of the last point [R], NaN where there is none."""
        return _last(self.log_uses, self.count)

    def log_uses_at(self, accuracy: Floats) -> Floats:
        """Return the log uses that reach `accuracy` [R], interpolated; inf where it is not reached, NaN if undefined.

        At or below the accuracy of the first point these are the uses of that point.
        """
        above = (self.accuracy < accuracy[:, None]).sum(axis=1)
        right = np.minimum(above, np.maximum(self.count - 1, 0))
        left = np.maximum(right - 1, 0)
        low, high = _take(self.accuracy, left), _take(self.accuracy, right)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(above > 0, (accuracy - low) / (high - low), 1.0)
        share = np.where(left == right, 1.0, share)
        found = _take(self.log_uses, left) + share * (_take(self.log_uses, right) - _take(self.log_uses, left))
        found = np.where(accuracy > self.highest, np.inf, found)
        return np.where((self.count == 0) | np.isnan(accuracy), np.nan, found)

    def log_uses_bounds(self, accuracy: Floats) -> tuple[Floats, Floats]:
        """Return the least and the most log uses that can reach `accuracy` [R]; equal where they were measured.

        Above the last point at least its uses are needed, below the first at most its uses. NaN where undefined.
        """
        needed = self.log_uses_at(accuracy)
        least = np.where(needed == np.inf, self.most, np.where(accuracy < self.lowest, -np.inf, needed))
        return np.where(np.isnan(needed), np.nan, least), needed

    def mean_log_uses(self, low: Floats, high: Floats) -> Floats:
        """Return the mean of log uses over the accuracies from `low` to `high` [R], within the envelope.

        Log uses are interpolated by piecewise cubic Hermite polynomials (PCHIP, Fritsch & Butland 1984). NaN where
        there are fewer than two points or no accuracies between.
        """
        inside = np.arange(self.accuracy.shape[1])[None, :-1] < (self.count - 1)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            width = np.where(inside, np.diff(self.accuracy), 1.0)
            slope = np.where(inside, np.diff(self.log_uses) / width, 0.0)
            tangent = _tangents(width, slope, self.count)
            left = np.where(inside, self.accuracy[:, :-1], 0.0)
            ends = [np.clip((x[:, None] - left) / width, 0, 1) for x in (low, high)]
            areas = [_antiderivative(t, width, self.log_uses, tangent) for t in ends]
            mean = np.where(inside, width * (areas[1] - areas[0]), 0.0).sum(axis=1) / (high - low)
        return np.where((self.count > 1) & (high > low), mean, np.nan)


def envelopes(uses: Floats, accuracy: Floats) -> Envelopes:
    """Return the envelopes of points with `uses` and `accuracy`, both [R, N]; a row with a NaN is undefined."""
    order = np.lexsort((-accuracy, uses), axis=1)
    uses, accuracy = np.take_along_axis(uses, order, 1), np.take_along_axis(accuracy, order, 1)
    best = np.maximum.accumulate(accuracy, axis=1)
    kept = np.ones(accuracy.shape, dtype=bool)
    kept[:, 1:] = accuracy[:, 1:] > best[:, :-1]
    kept &= ~np.isnan(accuracy).any(axis=1, keepdims=True)
    count = kept.sum(axis=1)
    width = max(int(count.max()), 1)
    front = np.argsort(~kept, axis=1, kind="stable")[:, :width]
    there = np.arange(width) < count[:, None]
    rising = np.where(there, np.take_along_axis(accuracy, front, 1), np.inf)
    return Envelopes(rising, np.log(np.take_along_axis(uses, front, 1)), count)


def _take(values: Floats, index: npt.NDArray[np.intp]) -> Floats:
    """Return the value of each row at an index [R]."""
    return np.take_along_axis(values, index[:, None], 1)[:, 0]


def _last(values: Floats, count: npt.NDArray[np.intp]) -> Floats:
    """Return the value of the last point of each row, NaN where there is none."""
    return np.where(count > 0, _take(values, np.maximum(count - 1, 0)), np.nan)


def _tangents(width: Floats, slope: Floats, count: npt.NDArray[np.intp]) -> Floats:
    """Return the derivatives of PCHIP at the points [R, N] of rising curves with `width` and `slope` [R, N - 1]."""
    tangent = np.zeros((len(width), width.shape[1] + 1))
    if width.shape[1] == 0:
        return tangent
    before, after = width[:, :-1], width[:, 1:]
    weights = 2 * after + before, after + 2 * before
    tangent[:, 1:-1] = (weights[0] + weights[1]) / (weights[0] / slope[:, :-1] + weights[1] / slope[:, 1:])
    second = np.minimum(1, width.shape[1] - 1)
    tangent[:, 0] = np.where(count > 2, _edge(width, slope, 0, second), slope[:, 0])
    last = np.maximum(count - 2, 0)
    previous = np.maximum(last - 1, 0)
    ends = _edge_of(_take(width, last), _take(width, previous), _take(slope, last), _take(slope, previous))
    np.put_along_axis(tangent, (last + 1)[:, None], np.where(count > 2, ends, slope[:, 0])[:, None], 1)
    return tangent


def _edge(width: Floats, slope: Floats, first: int, second: int) -> Floats:
    """Return the derivative at the first point from the first two intervals."""
    return _edge_of(width[:, first], width[:, second], slope[:, first], slope[:, second])


def _edge_of(width: Floats, next_width: Floats, slope: Floats, next_slope: Floats) -> Floats:
    """Return the derivative at an end from its interval and the next, three points, kept from falling."""
    return np.maximum(((2 * width + next_width) * slope - width * next_slope) / (width + next_width), 0.0)


def _antiderivative(t: Floats, width: Floats, values: Floats, tangent: Floats) -> Floats:
    """Return the integral of each interval's Hermite polynomial from 0 to `t` in [0, 1]."""
    cube, fourth = t**3, t**4 / 2
    value = values[:, :-1] * (t - cube + fourth) + values[:, 1:] * (cube - fourth)
    start = tangent[:, :-1] * (t**2 / 2 - 2 * cube / 3 + fourth / 2)
    return value + width * (start + tangent[:, 1:] * (fourth / 2 - cube / 3))
