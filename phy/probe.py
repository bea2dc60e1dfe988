"""Sparse pilots without data, from which the receiver learns what a message could carry before it is sent.

As CSI-RS of density one (TS 38.211 clause 7.4.1.5): one RE in a PRB and layer, in one OFDM symbol. With precoding it is
one RE in a PRB and transmit antenna: what data will see follows from the precoder that the receiver expects.
"""

import math

import torch

from taskwave.phy.air import Air, Radio
from taskwave.phy.definitions import noise_variance
from taskwave.phy.equalization import lmmse_equalize
from taskwave.phy.precoding.sounding import ChannelSounding
from taskwave.phy.precoding.transmitter import choose


class ChannelProbe:
    """Probes the lowest PRBs of the carrier, for the layers of the radio's data.

    Args:
        radio: the radio.
        num_prb: PRBs to probe.

    Raises:
        ValueError: see `ChannelSounding`.
    """

    def __init__(self, radio: Radio, num_prb: int) -> None:
        config = radio.config
        self._precoding, self._num_layers = config.precoding, config.num_layers
        self._sounding = ChannelSounding(
            radio, num_prb, config.num_layers if self._precoding is None else config.num_tx_ant
        )

    @property
    def channel_uses(self) -> int:
        """REs occupied."""
        return self._sounding.channel_uses

    def measure(self, air: Air) -> torch.Tensor:
        """Send the probe; SINR after equalisation as the receiver expects it for data, [B, 12 * num_prb * layers]."""
        h, error, no = self._sounding.measure(air)
        if self._precoding is not None:
            w = choose(self._precoding, h[..., 0, :], noise_variance(air.es_n0_db), self._num_layers)
            h = torch.einsum("brtsf,btl->brlsf", h, w)
            error = torch.einsum("btsf,btl->blsf", error.expand(len(w), -1, -1, -1), w.abs().square())
        no = error.sum(dim=1) / self._num_layers + no[:, None, None]
        h_re = h.permute(0, 3, 4, 1, 2) / math.sqrt(self._num_layers)
        _, no_eff = lmmse_equalize(h_re.new_zeros(h_re.shape[:-1]), h_re, no)
        return 1.0 / no_eff.flatten(1)
