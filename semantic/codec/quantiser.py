"""Quantised components of windows, and the bytes that they are coded as.

A digital link sends what an analog one does, rounded to multiples of a step. The step is the same for all components in
units of pixels, which is the best for a square error (reverse water-filling), and every component is coded as if it had
a Laplace distribution around zero, with the spread that was learnt for its kind of window.
"""

from typing import Any

import constriction
import numpy as np
import numpy.typing as npt
import torch

from taskwave.semantic.codec.windows import WindowCode, components_of

SNR_DB = 20.0
"""SNR in dB that encoder and decoder are told for quantised windows, whatever the step, so that a window has the same
components for all steps."""
MOST = 1023
"""Largest index of a component."""
Indices = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float64]
Model = tuple[Any, ...]
"""A distribution of the coder, and what it is of each value."""

_LEAST = 1e-9
"""Least probability of an index, in training."""


def scaled(code: WindowCode, symbols: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return the components [B, 2 S] of symbols [B, S], in units of steps [B]; rounded, they are indices."""
    return components_of(symbols) * code.deviation[kinds] / step[:, None]


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
    return _written(indices.int().clamp(-MOST, MOST).flatten().numpy(), _laplace(code, step, kinds))


def from_bytes(code: WindowCode, coded: bytes, step: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return the indices [B, 2 S] of what `to_bytes` returned; of other bytes indices that mean nothing.

    Raises:
        ValueError: the bytes were written by nobody.
    """
    return torch.from_numpy(_read(coded, _laplace(code, step, kinds))).reshape(len(kinds), 2 * code.most).float()


def refined_to_bytes(
    code: WindowCode, indices: torch.Tensor, coarse: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor
) -> bytes:
    """Return whole indices [B, 2 S] as bytes for one who knows those of steps three times as large."""
    thirds = (indices - 3 * coarse + 1).int().clamp(0, 2)
    return _written(thirds.flatten().numpy(), _thirds(code, coarse, step, kinds))


def refined_from_bytes(
    code: WindowCode, coded: bytes, coarse: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor
) -> torch.Tensor:
    """Return the indices [B, 2 S] of what `refined_to_bytes` returned; of other bytes indices that mean nothing.

    Raises:
        ValueError: the bytes were written by nobody.
    """
    thirds = torch.from_numpy(_read(coded, _thirds(code, coarse, step, kinds))).reshape(coarse.shape)
    return 3 * coarse + thirds - 1


def refined_bits(
    code: WindowCode, indices: torch.Tensor, coarse: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor
) -> torch.Tensor:
    """Return how many bits `refined_to_bytes` takes for each window, [B]."""
    chances = torch.from_numpy(_chances(code, coarse, step, kinds)).reshape(*coarse.shape, 3)
    thirds = (indices - 3 * coarse + 1).long().clamp(0, 2)[..., None]
    return -chances.gather(2, thirds)[..., 0].log2().sum(1).float()


def _spread(code: WindowCode, step: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Return the spread of components in steps, [B, 2 S] float64."""
    return (code.spread.detach()[kinds].exp().double() / step[:, None].double()).clamp_min(1e-3)


def _laplace(code: WindowCode, step: torch.Tensor, kinds: torch.Tensor) -> Model:
    """Return the distributions of indices."""
    spread = _spread(code, step, kinds).flatten().numpy()
    return constriction.stream.model.QuantizedLaplace(-MOST, MOST), np.zeros(len(spread)), spread


def _chances(code: WindowCode, coarse: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor) -> Numbers:
    """Return how likely an index is the lowest, middle and highest third of a coarse one, [B x 2 S, 3]."""
    spread = _spread(code, step, kinds)[..., None]
    away = (3 * coarse.double()[..., None] + torch.arange(-1, 2)).abs()
    outer = (-away / spread).exp() * torch.sinh(0.5 / spread.clamp_min(0.02))
    chances = torch.where(away > 0, outer, 1 - (-0.5 / spread).exp()).clamp_min(_LEAST)
    return (chances / chances.sum(-1, keepdim=True)).clamp_min(_LEAST).flatten(0, 1).numpy()


def _thirds(code: WindowCode, coarse: torch.Tensor, step: torch.Tensor, kinds: torch.Tensor) -> Model:
    """Return the distributions of the thirds of coarse indices."""
    return constriction.stream.model.Categorical(perfect=False), _chances(code, coarse, step, kinds)


def _written(values: Indices, model: Model) -> bytes:
    """Return values as bytes by their distributions, as few as do if zero bytes follow."""
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(values, *model)
    coded: bytes = encoder.get_compressed().astype(">u4").tobytes()
    while coded:  # the coder fills whole words
        size, first = len(coded) - 1, int.from_bytes(coded[:-1])
        shorter = [each.to_bytes(size) for each in (first, first + 1) if each < 256**size]
        fitting = [each for each in shorter if _holds(each, values, model)]
        if not fitting:
            break
        coded = fitting[0]
    return coded


def _holds(coded: bytes, values: Indices, model: Model) -> bool:
    try:
        return np.array_equal(_read(coded, model), values)
    except ValueError:
        return False


def _read(coded: bytes, model: Model) -> Indices:
    """Return the values that were written as bytes by these distributions.

    Raises:
        ValueError: the bytes were written by nobody.
    """
    words = np.frombuffer(coded + bytes(-len(coded) % 4), ">u4").astype(np.uint32)
    try:
        values: Indices = constriction.stream.queue.RangeDecoder(words).decode(*model)
    except AssertionError as error:  # of the library
        raise ValueError(f"{len(coded)} bytes are no components of windows") from error
    return values
