"""One path: AWGN, and Rayleigh that is drawn anew for every transmission."""

import math

import torch

from taskwave.phy.channel.correlation import Correlation
from taskwave.phy.channel.fading import BLOCK
from taskwave.phy.channel.family import Cir, Profile
from taskwave.phy.config import RadioConfig
from taskwave.phy.seeds import generator


class Flat:
    """No path but one, of delay zero. See `Family`."""

    beyond_prefix = None

    def __init__(self, config: RadioConfig) -> None:
        self.config = config
        self.profile = Profile(torch.zeros(1), torch.ones(1), 0.0)
        self._correlation = Correlation(config)
        self._tau = torch.zeros(1, 1)

    def sample_s(self, duration_s: float) -> float | None:
        """None: blocks."""

    def draw(self, images: range, num_samples: int, sample_s: float | None, seed: int) -> Cir:
        """See `Family`."""
        rx, tx = self.config.num_rx_ant, self.config.num_tx_ant
        if self.config.channel == "rayleigh":
            noise = generator(seed, images.start // BLOCK)
            # Time comes first: more occasions leave those before them as they are.
            a = torch.randn((num_samples, BLOCK, rx, tx, 1), generator=noise, dtype=torch.complex64)
            return self._correlation.apply(a.movedim(0, -1)), self._tau
        # AWGN: columns of the DFT matrix, so that every antenna receives every layer; whichever antennas layers leave
        # (see `Air.paths`), these have columns of their own, so layers are orthogonal.
        columns = (torch.arange(tx) * min(rx, tx) / tx).ceil()
        phase = -2 * math.pi / rx * torch.outer(torch.arange(rx).float(), columns)
        a = torch.polar(torch.ones_like(phase), phase)[None, :, :, None, None].expand(BLOCK, rx, tx, 1, 1)
        return a, self._tau
