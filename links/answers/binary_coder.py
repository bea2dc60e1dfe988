"""An adaptive binary range coder: decisions to bytes, each decision predicted in its own context.

The arithmetic is that of a 32-bit range coder with carry propagation (Martin 1979). Bytes behind the end read as zero,
so that trailing zero bytes are never sent. `Contexts` predicts decisions from those before them, one at a time or,
where many in a row are expected to come out alike, as the length of their run.
"""

from collections.abc import Callable
from math import exp, lgamma

_TOP, _MASK = 1 << 24, (1 << 32) - 1
_BITS = 16
_LEAST, _MOST = 32, (1 << _BITS) - 32
"""Bounds of the probability of a zero, in 1/65536."""
_SLOWEST = 7
_RUN_PRIOR = 0.9, 0.1
"""Zeros and ones that a context of runs counts before it has seen any (chosen on drawn streets, split val)."""
_RUN_MEMORY = 1000.0
"""Largest number of decisions that a context of runs counts; older ones lose weight."""

Code = Callable[[int, int], int]
"""Function that codes a decision: from the probability of a zero in 1/65536 and the decision to the decision."""


class BinaryEncoder:
    """Collects decisions; `finish` returns the bytes."""

    def __init__(self) -> None:
        self._low, self._range, self._out = 0, _MASK, bytearray()

    def code(self, zero: int, bit: int) -> int:
        """Append the decision `bit` (0 or 1), whose probability to be 0 is `zero` / 65536; returns it."""
        bound = (self._range >> _BITS) * zero
        if bit:
            self._low += bound
            self._range -= bound
        else:
            self._range = bound
        if self._low > _MASK:
            self._carry()
        while self._range < _TOP:
            self._out.append(self._low >> 24)
            self._low = self._low << 8 & _MASK
            self._range <<= 8
        return bit

    def _carry(self) -> None:
        self._low &= _MASK
        position = len(self._out) - 1
        while self._out[position] == 0xFF:
            self._out[position] = 0
            position -= 1
        self._out[position] += 1

    def finish(self) -> bytes:
        """Return the shortest bytes that decode to all decisions."""
        for dropped in (24, 16, 8, 0):
            value = (self._low + (1 << dropped) - 1) >> dropped << dropped
            if value < self._low + self._range:
                break
        self._low = value
        if self._low > _MASK:
            self._carry()
        return (bytes(self._out) + self._low.to_bytes(4, "big")).rstrip(b"\0")


class BinaryDecoder:
    """Reads the decisions back from the encoder's bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._next, self._range = 4, _MASK
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def code(self, zero: int, bit: int = 0) -> int:
        """Return the next decision; `bit` is not used, it lets encoder and decoder share their model."""
        bound = (self._range >> _BITS) * zero
        if self._code < bound:
            self._range, found = bound, 0
        else:
            self._code -= bound
            self._range -= bound
            found = 1
        while self._range < _TOP:
            byte = self._data[self._next] if self._next < len(self._data) else 0
            self._code = (self._code << 8 | byte) & _MASK
            self._range <<= 8
            self._next += 1
        return found


class Contexts:
    """Predicts decisions by what came out in the same context before, and has `code` code them.

    The probability of a context moves towards each outcome by one over the number of decisions seen there, at least by
    1/128. A context of runs counts zeros and ones (a Pólya urn), which gives the probability of a run of zeros in
    closed form.

    Args:
        code: function of an encoder or decoder.
        count: number of contexts of single decisions.
        runs: number of contexts of runs.
    """

    def __init__(self, code: Code, count: int, runs: int = 0) -> None:
        self._code = code
        self._zero = [1 << (_BITS - 1)] * count
        self._seen = [0] * count
        self._runs = [(0.0, 0.0)] * runs

    def code(self, context: int, bit: int) -> int:
        """Code the decision `bit` (0 or 1) in `context`; returns it as both ends know it afterwards."""
        zero, seen = self._zero[context], self._seen[context]
        bit = self._code(zero, bit)
        self._zero[context] = zero + int(((_LEAST if bit else _MOST) - zero) / (seen + 1.6))
        if seen < (1 << _SLOWEST):
            self._seen[context] = seen + 1
        return bit

    def run(self, context: int, most: int, length: int) -> int:
        """Code how many of `most` decisions, at least one, are zeros before the first one, `length` of them.

        The first question is whether all are zeros; halving then finds the first one.
        """
        zeros, ones = (seen + prior for seen, prior in zip(self._runs[context], _RUN_PRIOR, strict=True))
        base = lgamma(zeros + ones) - lgamma(zeros)

        def survives(count: int) -> float:
            return exp(base + lgamma(zeros + count) - lgamma(zeros + ones + count))

        low, high, above, below = 0, most, 1.0, survives(most)
        ended = self._code(_probability(below), length < most)
        if not ended:
            low = most
        else:
            while high - low > 1:
                middle = (low + high) // 2
                between = survives(middle)
                if self._code(_probability((above - between) / (above - below)), length >= middle):
                    low, above = middle, between
                else:
                    high, below = middle, between
        self._count(context, low, ended)
        return low

    def _count(self, context: int, zeros: int, ones: int) -> None:
        """Add decisions to a context of runs."""
        zeros_seen, ones_seen = self._runs[context][0] + zeros, self._runs[context][1] + ones
        weight = min(1.0, _RUN_MEMORY / (zeros_seen + ones_seen))
        self._runs[context] = zeros_seen * weight, ones_seen * weight


def uniform(code: Code, value: int, count: int) -> int:
    """Code a number of 0…count-1, all of them equally likely, and return it as both ends know it afterwards."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        if code(_probability((middle - low) / (high - low)), int(value >= middle)):
            low = middle
        else:
            high = middle
    return low


def _probability(value: float) -> int:
    """Round a probability to what the coder takes."""
    return min(max(int(value * (1 << _BITS)), _LEAST), _MOST)
