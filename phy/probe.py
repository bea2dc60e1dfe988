"""Sparse pilots without data, from which the receiver learns what a message could carry before it is sent.

As CSI-RS of density one (TS 38.211 clause 7.4.1.5): one RE in a PRB and layer, in one OFDM symbol.
"""

import math

import torch

from taskwave.phy.air import Air, Radio
from taskwave.phy.equalization import lmmse_equalize
from taskwave.phy.grid import NUM_SUBCARRIERS_PER_PRB, Allocation
from taskwave.phy.pilots import dmrs_pilots
from taskwave.phy.slot import channel_estimator


class ChannelProbe:
    """Probes the lowest PRBs of the carrier, with the layers of the radio's data.

    Args:
        radio: the radio.
        num_prb: PRBs to probe.

    Raises:
        ValueError: the radio sends bursts through a flowgraph, which need data to be found by.
    """

    def __init__(self, radio: Radio, num_prb: int) -> None:
        config = radio.config
        if config.flowgraph is not None:
            raise ValueError(
                "a channel probe cannot be sent through radio.flowgraph, whose bursts carry data: use links that do "
                "not report channel quality, or leave out flowgraph."
            )
        comb = NUM_SUBCARRIERS_PER_PRB // config.num_layers
        self.allocation = Allocation(num_prb, 1, config.num_layers, (0,), comb)
        self._radio = radio
        self._estimator = channel_estimator(radio, self.allocation)
        self._pilots = dmrs_pilots(self.allocation)

    @property
    def channel_uses(self) -> int:
        """REs occupied."""
        return self.allocation.channel_uses

    def measure(self, air: Air) -> torch.Tensor:
        """Send the probe; SINR after equalisation as the receiver expects it for data, [B, 12 * num_prb * layers]."""
        a = self.allocation
        grid = self._pilots.new_zeros(air.batch, a.num_layers, 1, a.num_subcarriers)
        for layer in range(a.num_layers):
            at = list(a.pilot_subcarriers(layer))
            grid[:, layer, :, at] = self._pilots[:, at]
        (signal,) = self._radio.medium.carry([a], [grid], air, "data")
        no = signal.no[:, None, None]
        if self._estimator is None:
            assert signal.h is not None, "perfect channel knowledge needs a simulated channel"
            h_hat = signal.h
        else:
            rows = [list(a.pilot_subcarriers(layer)) for layer in range(a.num_layers)]
            z = torch.stack([signal.y[..., at] / self._pilots[:, at] for at in rows], dim=2)
            h_hat, error = self._estimator.estimate(z, signal.no)
            no = error.sum(dim=1) / a.num_layers + no
        h_re = h_hat.permute(0, 3, 4, 1, 2) / math.sqrt(a.num_layers)
        _, no_eff = lmmse_equalize(h_re.new_zeros(h_re.shape[:-1]), h_re, no)
        return 1.0 / no_eff.flatten(1)
