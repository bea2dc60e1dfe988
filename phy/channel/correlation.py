"""Spatial correlation between antennas of a row (TS 38.101-4 annex B.2.3.1, which TS 36.101 has as well)."""

import numpy as np
import torch

from taskwave.phy.config import RadioConfig

_LEVELS = {"low": (0.0, 0.0), "medium": (0.3, 0.9), "medium-a": (0.3, 0.3874), "high": (0.9, 0.9)}
"""Correlation of the outermost antennas of the base station (alpha) and of the receiver (beta)."""
_REGULARISATION = 0.00012
"""Makes rounded matrices of four antennas positive definite: (R + a I) / (1 + a)."""


def correlation_matrix(outermost: float, num_ant: int) -> torch.Tensor:
    """[num_ant, num_ant] float64: `outermost` to the power of (distance / length of the row) squared."""
    place = np.arange(num_ant) / max(num_ant - 1, 1)
    distance = (place[:, None] - place[None, :]) ** 2
    matrix = np.eye(num_ant) if outermost == 0 else outermost**distance
    if num_ant > 2 and outermost > 0:
        matrix = (matrix + _REGULARISATION * np.eye(num_ant)) / (1 + _REGULARISATION)
    return torch.from_numpy(matrix)


class Correlation:
    """Makes antennas that fade independently fade alike."""

    def __init__(self, config: RadioConfig) -> None:
        self._roots: tuple[torch.Tensor, torch.Tensor] | None = None
        if config.spatial_correlation is not None:
            alpha, beta = _LEVELS[config.spatial_correlation]
            rx, tx = correlation_matrix(beta, config.num_rx_ant), correlation_matrix(alpha, config.num_tx_ant)
            self._roots = torch.linalg.cholesky(rx).to(torch.complex64), torch.linalg.cholesky(tx).to(torch.complex64)

    def apply(self, a: torch.Tensor) -> torch.Tensor:
        """Coefficients [images, rx, tx, paths, samples], of the same mean energy as before."""
        if self._roots is None:
            return a
        rx, tx = self._roots
        return torch.einsum("ij,bjkps,lk->bilps", rx, a, tx)
