"""Symbols of a message, spread over its resource elements."""

from functools import cache

import torch

from taskwave.phy.seeds import generator

_SEED = 0x1EAF


@cache
def interleaver(length: int) -> torch.Tensor:
    """Pseudo-random permutation [length] int64 that both ends know: place i carries symbol `interleaver(length)[i]`.

    Neighbouring latents are alike and of like energy; on neighbouring subcarriers their sum has peaks that amplifiers
    clip. Spread, they look like noise, as scrambled QAM does.
    """
    return torch.randperm(length, generator=generator(_SEED, length))
