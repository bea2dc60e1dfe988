"""What a surrogate is, and the one that needs no network."""

from collections.abc import Callable
from typing import Literal, Protocol

import torch

SurrogateName = Literal["signs", "streets", "camvid", "psnr"]
"""Names of the surrogates: what stands at small places, street classes of all pixels as a network of drawn or of real
streets sees them, or the squared error alone."""

Agreement = Callable[[torch.Tensor], float]
"""Function from an image [3, H, W] in [0, 1] to its agreement with the original, at most 1; for it, exactly 1."""


class Surrogate(Protocol):
    """Describes a surrogate."""

    @property
    def digest(self) -> str:
        """Digest of all that it depends on."""

    def look(self, original: torch.Tensor) -> Agreement:
        """Look at an original [3, H, W] in [0, 1] and return what measures the agreement of others with it."""


class FidelitySurrogate:
    """Measures the squared error over the variance of the original: among rungs, the order of PSNR."""

    digest = "psnr"

    def look(self, original: torch.Tensor) -> Agreement:
        """Implement `Surrogate.look`."""
        power = float(original.var(unbiased=False).clamp_min(1e-6))
        return lambda image: max(0.0, 1 - float((image - original).square().mean()) / power)
