"""Messages between the simulator and GNU Radio: typed frames whose lengths are checked and that are never executed.

A message is a list of frames: a header, a JSON object of numbers and texts, and arrays of samples (complex64) or
pixels (uint8). Both processes import this module; it needs NumPy of any version.
"""

import json
import math
import re
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from taskwave.phy.gnuradio.faults import BlockError

MAGIC = b"TWFG"
"""First bytes of every message."""
VERSION = 1
"""Version of the protocol."""
MOST_ARRAYS = 4
"""Most arrays of a message."""
MOST_BYTES = 1 << 30
"""Most bytes of an array."""
MOST_TEXT = 1 << 16
"""Most bytes of the JSON object."""
_MOST_PATH = 107
"""Most bytes of the path of a local socket."""
_HEADER = struct.Struct("<4sHHQ")
"""Layout of a header: magic, version, index of the kind, number."""
_SHAPE = struct.Struct("<B3x4I")
"""Layout of what precedes an array: index of the dtype, shape."""
_DTYPES = ("<c8", "|u1")
"""Types of arrays: samples and pixels."""

MessageKind = Literal["hello", "carry", "samples", "error", "join", "burst", "expect", "window", "display", "prompt"]
"""Kinds of messages, in the order of their indices in the header."""
_KINDS: tuple[str, ...] = get_args(MessageKind)

Samples = npt.NDArray[np.complex64]
"""Complex baseband samples, of any shape."""
Pixels = npt.NDArray[np.uint8]
"""Pixels of an image, [H, W, 3]."""


def check_endpoint(address: str, *, connects: bool = False) -> None:
    """Check the address of a socket of ZeroMQ, without opening it.

    Args:
        address: the address.
        connects: whether the socket connects to it, for which its host must be known. Else it binds it.

    Raises:
        BlockError: it is no address between processes, its port or host does not exist, or its folder is missing.
    """
    tcp = re.fullmatch(r"tcp://(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,9})", address)
    path = address.removeprefix("ipc://")
    if tcp is not None:
        if not 0 < int(tcp[2]) < 1 << 16:
            raise BlockError(f"the address {address} has port {tcp[2]}: ports are 1 to 65535")
        if connects:
            try:
                socket.getaddrinfo(tcp[1].strip("[]"), int(tcp[2]))
            except (OSError, UnicodeError) as error:
                raise BlockError(f"the host of {address} is not known: {error}; name another or its number") from None
    elif not address.startswith("ipc://") or not path or "\0" in path:
        raise BlockError(
            f"{address!r} is no address of a socket: write tcp://HOST:PORT, as in tcp://127.0.0.1:47100, or ipc://PATH"
        )
    elif len(path.encode(errors="surrogateescape")) > _MOST_PATH:
        raise BlockError(f"the path of {address} has more than {_MOST_PATH} bytes: choose a shorter one")
    elif not path.startswith("@") and not Path(path).parent.is_dir():
        raise BlockError(f"the folder of {address} is not there: create {Path(path).parent}")


def check_listening(address: str) -> None:
    """Check the address that a socket binds, where `*` stands for all interfaces.

    Raises:
        BlockError: as in `check_endpoint`.
    """
    check_endpoint(address.replace("//*:", "//0.0.0.0:"))


class WireError(ValueError):
    """Raised when received bytes are not a message of this protocol, or a message is too large for it."""


@dataclass(frozen=True)
class Message:
    """Holds one message."""

    kind: MessageKind
    """Kind of the message."""
    number: int
    """Number of the request; the answer repeats it."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Numbers and texts by name, as JSON can hold them."""
    arrays: Sequence[Any] = ()
    """Arrays of samples or pixels, of at most four dimensions each."""


def pack(message: Message) -> list[bytes]:
    """Return the frames of a message.

    Raises:
        WireError: it is larger than the protocol allows.
    """
    text = json.dumps(message.values, allow_nan=False).encode()
    if len(text) > MOST_TEXT or len(message.arrays) > MOST_ARRAYS:
        raise WireError(
            f"a message of {len(text)} bytes of text and {len(message.arrays)} arrays is too large: "
            f"{MOST_TEXT} bytes and {MOST_ARRAYS} arrays are allowed. Send fewer bursts at a time."
        )
    frames = [_HEADER.pack(MAGIC, VERSION, _KINDS.index(message.kind), message.number), text]
    for array in message.arrays:
        if array.nbytes > MOST_BYTES:
            raise WireError(f"an array of {array.nbytes} bytes is too large: at most {MOST_BYTES}. Send fewer bursts.")
        shape = (1,) * (4 - array.ndim) + array.shape
        dtype = _DTYPES[array.dtype == np.uint8]
        frames.append(_SHAPE.pack(_DTYPES.index(dtype), *shape) + np.ascontiguousarray(array, dtype=dtype).tobytes())
    return frames


def unpack(frames: Sequence[bytes]) -> Message:
    """Return the message in `frames`; its arrays have four dimensions.

    Raises:
        WireError: wrong magic, version, kind, length, text or shape.
    """
    if not 2 <= len(frames) <= 2 + MOST_ARRAYS:
        raise WireError(f"{len(frames)} frames came, a message has 2 to {2 + MOST_ARRAYS}")
    header, text, *arrays = frames
    if len(header) != _HEADER.size:
        raise WireError(f"a header of {len(header)} bytes came, it has {_HEADER.size}")
    magic, version, kind, number = _HEADER.unpack(header)
    if magic != MAGIC or version != VERSION:
        raise WireError(f"{magic!r} version {version} came, {MAGIC!r} version {VERSION} is spoken here")
    if kind >= len(_KINDS):
        raise WireError(f"message kind {kind} came, there are 0 to {len(_KINDS) - 1}")
    return Message(get_args(MessageKind)[kind], number, _values(text), [_array(frame) for frame in arrays])


def _refuse(constant: str) -> float:
    """Refuse NaN and infinities, which are no JSON."""
    raise WireError(f"the text holds {constant}")


def _values(text: bytes) -> dict[str, Any]:
    if len(text) > MOST_TEXT:
        raise WireError(f"{len(text)} bytes of text came, at most {MOST_TEXT} are allowed")
    try:
        values = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WireError(f"the text is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise WireError(f"the text is a JSON {type(values).__name__}, not an object")
    return values


def _array(frame: bytes) -> Any:
    if not _SHAPE.size <= len(frame) <= _SHAPE.size + MOST_BYTES:
        raise WireError(f"an array frame of {len(frame)} bytes came, {_SHAPE.size} to {MOST_BYTES} are allowed")
    code, *shape = _SHAPE.unpack_from(frame)
    if code >= len(_DTYPES):
        raise WireError(f"an array of type {code} came, there are 0 to {len(_DTYPES) - 1}")
    dtype = np.dtype(_DTYPES[code])
    if len(frame) != _SHAPE.size + dtype.itemsize * math.prod(shape):
        raise WireError(f"an array frame of {len(frame)} bytes came for the shape {shape}")
    return np.frombuffer(frame, dtype=dtype, offset=_SHAPE.size).reshape(shape).copy()
