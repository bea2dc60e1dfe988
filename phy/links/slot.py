"""One allocation at both ends: mapping of data and DMRS to the grid, channel estimation, equalisation."""

import math

import torch

from taskwave.phy.channel.medium import LOST_NOISE, SlotSignal, Tap
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.grid.pilots import dmrs_pilots, least_squares, spread_to_layers
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.detection import Observation
from taskwave.phy.receiver.equalization import lmmse_equalize
from taskwave.phy.receiver.estimation import ChannelEstimator, Estimate, channel_estimator, doppler_per_symbol


def _estimate(
    estimator: ChannelEstimator, z: torch.Tensor, no: torch.Tensor, layer_energy: torch.Tensor | None
) -> Estimate:
    """Return `ChannelEstimator.estimate` for layers whose mean energy is not one."""
    if layer_energy is None:
        return estimator.estimate(z, no)
    energy = layer_energy.to(no)
    amplitude = energy.sqrt()[:, None, None]
    h_hat, error = estimator.estimate(z / amplitude, no[:, None] / energy)
    return h_hat * amplitude, error * energy[:, None, None]


class SlotTransceiver:
    """Fills one allocation and receives it; one transceiver serves every message of that shape.

    Args:
        radio: the radio.
        allocation: REs of the message in one slot.
    """

    def __init__(self, radio: Radio, allocation: Allocation) -> None:
        self.allocation = allocation
        self._pilots = dmrs_pilots(allocation)
        self._dmrs = spread_to_layers(self._pilots, allocation.num_layers)
        self._estimator = channel_estimator(radio.config, radio.channel, allocation)
        self._neural = radio.neural
        self._doppler_per_symbol = doppler_per_symbol(radio.config, radio.channel)

    def transmit(self, symbols: torch.Tensor) -> torch.Tensor:
        """Return the grid [B, layers, num_ofdm_symbols, num_subcarriers] of `symbols` [B, num_data_symbols].

        Symbols have unit energy, and the total energy of an RE is one. Symbol i travels on layer i mod layers (TS
        38.211 clause 7.3.1.3), then frequency first (clause 7.3.1.5). Alone on its subcarriers, a layer's pilots have
        the whole energy of the RE.
        """
        a = self.allocation
        x = symbols.new_zeros(len(symbols), a.num_layers, a.num_ofdm_symbols, a.num_subcarriers)
        data = symbols.reshape(len(symbols), -1, a.num_subcarriers, a.num_layers).permute(0, 3, 1, 2)
        x[:, :, list(a.data_ofdm_symbols)] = data / math.sqrt(a.num_layers)
        x[:, :, list(a.dmrs)] = self._dmrs.to(symbols)
        return x

    def observe(
        self, signal: SlotSignal, tap: Tap | None = None, layer_energy: torch.Tensor | None = None
    ) -> Observation:
        """Return the data REs of what arrived, with the channel as the receiver knows it.

        Args:
            signal: samples of the slot.
            tap: function that is called with inner signals.
            layer_energy: [layers] mean channel energy of each layer, on which estimation relies; None: one.

        Raises:
            ValueError: perfect channel knowledge is asked of a medium that does not know the channel.
        """
        a, data = self.allocation, list(self.allocation.data_ofdm_symbols)
        y = signal.y[:, :, data].permute(0, 2, 3, 1)
        no = signal.no[:, None, None]
        if self._estimator is None:
            if signal.h is None:
                raise ValueError('csi = "perfect" needs a simulated channel: use csi = "lmmse", "ls" or "neural".')
            h_hat = signal.h[..., data, :].permute(0, 3, 4, 1, 2) / math.sqrt(a.num_layers)
        else:
            z = least_squares(signal.y[:, :, list(a.dmrs)], self._pilots, a.num_layers)
            estimate, error = _estimate(self._estimator, z, signal.no, layer_energy)
            if self._neural is not None:
                estimate, error = self._neural(
                    signal.y[:, :, data], (estimate, error), signal.no, a, self._doppler_per_symbol
                )
            h_hat = estimate.permute(0, 3, 4, 1, 2) / math.sqrt(a.num_layers)
            # The error of the estimate acts as noise that has the energy of the layers.
            no = error.sum(dim=1) / a.num_layers + no
        if tap is not None:
            if signal.h is not None:
                tap("h", signal.h[..., data, :] / math.sqrt(a.num_layers))
            tap("h_hat", h_hat.permute(0, 3, 4, 1, 2))
            tap("received", y.permute(0, 3, 1, 2))
        return Observation(y, h_hat, no)


def equalize(seen: Observation, lost: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return LMMSE estimates [B, num_data_symbols] complex64 of the symbols and their noise variance, float32.

    Messages that are `lost` [B] bool become zeros of noise variance `LOST_NOISE`.
    """
    x_hat, no_eff = lmmse_equalize(seen.y, seen.h, seen.no)
    if lost is not None:
        x_hat = x_hat.masked_fill(lost[:, None, None, None], 0)
        no_eff = no_eff.masked_fill(lost[:, None, None, None], LOST_NOISE)
    return x_hat.flatten(1), no_eff.flatten(1)
