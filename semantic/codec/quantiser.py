"""Quantised components of windows, and the bytes that they are coded as.

A digital link sends what an analog one does, rounded to multiples of a step. The step is the same for all components in
units of pixels, which is the best for a square error (reverse water-filling), and every component is coded as if it had
a Laplace distribution around zero, with the spread that was learnt for its kind of window.
"""

import constriction
import numpy as np
import numpy.typing as npt
import torch

from taskwave.semantic.codec.windows import WindowCode

MOST = 255
"""Largest index of a component."""
Indices = npt.NDArray[np.int32]

_LEAST = 1e-9
"""Least probability of an index, in training."""


def expected_snr_db(step: torch.Tensor) -> torch.Tensor:
    """Return the SNR [B] in dB that encoder and decoder are told for windows that are quantised by steps [B]."""
    return -20 * step.log10()


def scaled(code: WindowCode, symbols: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return the components [B, 2 S] of symbols [B, S], in units of steps [B]; rounded, they are indices."""
    components = torch.stack([symbols.real, symbols.imag], dim=2).flatten(1) * 2**0.5
    return components * code.deviation[kinds] / step[:, None]


def restored(
    code: WindowCode, indices: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the components that indices [B, 2 S] stand for, and their gains, as `WindowCode.decode` takes them.

    The error of a quantiser has a variance of a twelfth of its squared step.
    """
    steps = step[:, None] / code.deviation[kinds]
    return indices * steps, 1 / (1 + steps.square() / 12)


def bits(code: WindowCode, indices: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return how many bits the indices [B, 2 S] of each window take, [B]; indices need not be whole."""
    spread = code.spread[kinds].exp() / step[:, None]
    away = indices.abs()
    outer = ((0.5 - away).clamp(max=0) / spread).exp() * (1 - (-1 / spread).exp()) / 2
    near = (away.clamp(max=0.5) - 0.5) / spread
    inner = 1 - (near.exp() + (-(away.clamp(max=0.5) + 0.5) / spread).exp()) / 2
    return -torch.where(away > 0.5, outer, inner).clamp_min(_LEAST).log2().sum(1)


def to_bytes(code: WindowCode, indices: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor) -> bytes:
    """Return whole indices [B, 2 S] as bytes; zero bytes may follow them."""
    values, model = indices.int().clamp(-MOST, MOST).flatten().numpy(), _Model(code, step, kinds)
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(values, *model.arguments)
    code_bytes: bytes = encoder.get_compressed().astype(">u4").tobytes()
    while code_bytes:  # the coder fills whole words
        shorter = [code_bytes[:-1]]
        if len(code_bytes) > 1 and code_bytes[-2] < 255:
            shorter.append(code_bytes[:-2] + bytes([code_bytes[-2] + 1]))
        fitting = [each for each in shorter if _same(model.decode(each), values)]
        if not fitting:
            break
        code_bytes = fitting[0]
    return code_bytes


def from_bytes(code: WindowCode, coded: bytes, step: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return the indices [B, 2 S] of what `to_bytes` returned; of other bytes indices that mean nothing.

    Raises:
        ValueError: the bytes were written by nobody.
    """
    values = _Model(code, step, kinds).decode(coded)
    if values is None:
        raise ValueError(f"{len(coded)} bytes are no components of {len(kinds)} windows")
    return torch.from_numpy(values).reshape(len(kinds), 2 * code.most).float()


class _Model:
    """Holds the distributions of the components of windows of `kinds` [B], in steps [B]."""

    def __init__(self, code: WindowCode, step: torch.Tensor, kinds: torch.Tensor) -> None:
        spread = code.spread.detach()[kinds].exp().double() / step[:, None].double()
        laplace = constriction.stream.model.QuantizedLaplace(-MOST, MOST)
        self.arguments = laplace, np.zeros(spread.numel()), spread.flatten().numpy().clip(1e-3)

    def decode(self, coded: bytes) -> Indices | None:
        """Return what was coded; None for bytes that nothing is coded as."""
        words = np.frombuffer(coded + bytes(-len(coded) % 4 + 8), ">u4").astype(np.uint32)
        try:
            values: Indices = constriction.stream.queue.RangeDecoder(words).decode(*self.arguments)
        except AssertionError:  # of the library
            return None
        return values


def _same(first: Indices | None, second: Indices) -> bool:
    return first is not None and np.array_equal(first, second)
