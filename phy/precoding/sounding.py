"""Pilots without data: sounding of the channel between all antennas, and the probe of what a message could carry.

Like CSI-RS of density one (TS 38.211 clause 7.4.1.5) and sounding reference signals (clause 6.4.1.4) they occupy one
OFDM symbol, in which each antenna has some REs of every PRB to itself.
"""

import math

import torch

from taskwave.phy.channel.air import Air
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import NUM_SUBCARRIERS_PER_PRB, Allocation
from taskwave.phy.grid.pilots import dmrs_pilots
from taskwave.phy.precoding.precoders import choose_precoder
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.equalization import lmmse_equalize
from taskwave.phy.receiver.estimation import channel_estimator


class ChannelSounding:
    """Sounds the lowest PRBs of the carrier.

    Args:
        radio: the radio.
        num_prb: number of PRBs to sound.
        num_ports: number of antennas that send pilots.
        density: number of REs of each antenna in a PRB.

    Raises:
        ValueError: the receiver has to synchronise to each message, which needs data, or pilots of so many antennas do
            not fill PRBs.
    """

    def __init__(self, radio: Radio, num_prb: int, num_ports: int, density: int = 1) -> None:
        if radio.config.synchronises or radio.config.sync_uses:
            raise ValueError(
                "a channel probe has no data, by which a receiver that synchronises could find it: use links that do "
                "not report channel quality, or leave out flowgraph, estimated synchronisation and sync_symbols."
            )
        if NUM_SUBCARRIERS_PER_PRB % (num_ports * density):
            raise ValueError(
                f"{num_ports} antennas cannot share the {NUM_SUBCARRIERS_PER_PRB} subcarriers of a PRB evenly: sound "
                "1, 2, 3, 4 or 6 of them."
            )
        comb = NUM_SUBCARRIERS_PER_PRB // (num_ports * density)
        self.allocation = Allocation(num_prb, 1, num_ports, (0,), comb)
        self._radio = radio
        self._estimator = channel_estimator(radio.config, radio.channel, self.allocation)
        self._pilots = dmrs_pilots(self.allocation)

    @property
    def channel_uses(self) -> int:
        """Number of REs occupied."""
        return self.allocation.channel_uses

    def measure(self, air: Air) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Send the pilots over `air` and estimate the channel.

        Returns:
            Channel as the receiver knows it [B, rx, num_ports, 1, F] complex64, its error variance [B or 1, num_ports,
            1, F] float32 (0: the channel is known) and the variance of the noise [B or 1] float32.
        """
        a = self.allocation
        grid = self._pilots.new_zeros(air.batch, a.num_layers, 1, a.num_subcarriers)
        for port in range(a.num_layers):
            at = list(a.pilot_subcarriers(port))
            grid[:, port, :, at] = self._pilots[:, at]
        (signal,) = self._radio.medium.carry([a], [grid], air, "data")
        if self._estimator is None:
            assert signal.h is not None, "perfect channel knowledge needs a simulated channel"
            return signal.h, signal.h.real.new_zeros(1, *signal.h.shape[2:]), signal.no
        rows = [list(a.pilot_subcarriers(port)) for port in range(a.num_layers)]
        z = torch.stack([signal.y[..., at] / self._pilots[:, at] for at in rows], dim=2)
        h_hat, error = self._estimator.estimate(z, signal.no)
        return h_hat, error, signal.no


class ChannelProbe:
    """Probes the lowest PRBs of the carrier, for the layers of the radio's data.

    Args:
        radio: the radio.
        num_prb: number of PRBs to probe.

    Raises:
        ValueError: as for `ChannelSounding`.
    """

    def __init__(self, radio: Radio, num_prb: int) -> None:
        config = radio.config
        self._precoding, self._num_layers = config.precoding, config.num_layers
        self._sounding = ChannelSounding(
            radio, num_prb, config.num_layers if self._precoding is None else config.num_tx_ant
        )

    @property
    def channel_uses(self) -> int:
        """Number of REs occupied."""
        return self._sounding.channel_uses

    def measure(self, air: Air) -> torch.Tensor:
        """Send the probe and return the SINR after equalisation that the receiver expects for data.

        It is linear, [B, 12 * num_prb * layers] float32.
        """
        h, error, no = self._sounding.measure(air)
        if self._precoding is not None:
            w = choose_precoder(self._precoding, h[..., 0, :], noise_variance(air.es_n0_db), self._num_layers)
            h = torch.einsum("brtsf,btl->brlsf", h, w)
            error = torch.einsum("btsf,btl->blsf", error.expand(len(w), -1, -1, -1), w.abs().square())
        no = error.sum(dim=1) / self._num_layers + no[:, None, None]
        h_re = h.permute(0, 3, 4, 1, 2) / math.sqrt(self._num_layers)
        _, no_eff = lmmse_equalize(h_re.new_zeros(h_re.shape[:-1]), h_re, no)
        return 1.0 / no_eff.flatten(1)
