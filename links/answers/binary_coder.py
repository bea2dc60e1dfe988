"""An adaptive binary range coder: decisions to bytes, each decision predicted in its own context.

The arithmetic is that of a 32-bit range coder with carry propagation (Martin 1979); the probability of a context moves
towards each outcome by one over the number of decisions seen there, at least by 1/128. Bytes behind the end read as
zero, so that trailing zero bytes are never sent.
"""

_TOP, _MASK = 1 << 24, (1 << 32) - 1
_BITS = 16
_SLOWEST = 7


class Contexts:
    """Holds the probability of a zero in 1/65536 and the number of decisions seen, for each context."""

    def __init__(self, count: int) -> None:
        self.zero = [1 << (_BITS - 1)] * count
        self.seen = [0] * count

    def update(self, context: int, bit: int) -> None:
        """Move the probability of `context` towards the outcome `bit`."""
        seen = self.seen[context]
        target = 32 if bit else (1 << _BITS) - 32
        self.zero[context] += int((target - self.zero[context]) / (seen + 1.6))
        if seen < (1 << _SLOWEST):
            self.seen[context] = seen + 1


class BinaryEncoder:
    """Collects decisions; `finish` returns the bytes."""

    def __init__(self, contexts: Contexts) -> None:
        self.contexts = contexts
        self._low, self._range, self._out = 0, _MASK, bytearray()

    def code(self, context: int, bit: int) -> int:
        """Append the decision `bit` (0 or 1) of `context`; returns it."""
        bound = (self._range >> _BITS) * self.contexts.zero[context]
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
        self.contexts.update(context, bit)
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

    def __init__(self, contexts: Contexts, data: bytes) -> None:
        self.contexts = contexts
        self._data = data
        self._next, self._range = 4, _MASK
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def code(self, context: int, bit: int = 0) -> int:
        """Return the next decision of `context`; `bit` is not used, it lets encoder and decoder share their model."""
        bound = (self._range >> _BITS) * self.contexts.zero[context]
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
        self.contexts.update(context, found)
        return found
