"""One allocation on the air: DMRS, channel, noise, channel estimation, equalisation."""

import math
from collections.abc import Callable

import torch

from taskwave.phy.air import Air, Radio, Stream
from taskwave.phy.definitions import noise_variance
from taskwave.phy.equalization import lmmse_equalize
from taskwave.phy.estimation import ChannelEstimator, LinearInterpolator, WienerInterpolator
from taskwave.phy.grid import NUM_SYMBOLS_PER_SLOT, Allocation

Tap = Callable[[str, torch.Tensor], None]
"""Receives inner signals by name: `h_hat` and `h` [B, rx, layers, symbols, subcarriers] of the data REs, `received`
[B, rx, symbols, subcarriers], `constellation` and `noise_variance` [B, n] after equalisation."""

_DMRS_C_INIT = 1
"""Any fixed scrambling identity (TS 38.211 clause 6.4.1.1.1.1); there is one transmitter only."""


class SlotTransceiver:
    """Sends one allocation and receives it. Reusable for every message of that shape."""

    def __init__(self, radio: Radio, allocation: Allocation) -> None:
        from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - Sionna takes seconds to import

        self.allocation = allocation
        shape = (len(allocation.dmrs), allocation.num_subcarriers)
        bits = torch.tensor(generate_prng_seq(2 * math.prod(shape), _DMRS_C_INIT), dtype=torch.float32)
        real, imag = (1.0 - 2.0 * bits.reshape(*shape, 2)).unbind(-1)
        self._pilots = torch.complex(real, imag) / math.sqrt(2.0)
        config = radio.config
        self._estimator: ChannelEstimator | None = None
        if config.csi == "ls":
            self._estimator = LinearInterpolator(allocation)
        elif config.csi == "lmmse":
            ages = config.channel not in {"awgn", "rayleigh"}
            symbol_s = config.slot_seconds / NUM_SYMBOLS_PER_SLOT
            self._estimator = WienerInterpolator(
                allocation,
                radio.channel.delays,
                radio.channel.powers,
                config.subcarrier_spacing_khz * 1e3,
                config.max_doppler_hz * symbol_s if ages else 0.0,
            )

    def send(
        self, symbols: torch.Tensor, air: Air, slot: int, stream: Stream, tap: Tap | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Transmit `symbols` [B, num_data_symbols] complex64 of unit energy in slot number `slot` of a message.

        Returns equalised symbols [B, num_data_symbols] complex64 and their noise variance, float32. Symbol i travels
        on layer i mod layers (TS 38.211 clause 7.3.1.3), then frequency first (clause 7.3.1.5).
        """
        a = self.allocation
        no = noise_variance(air.es_n0_db)
        # The total energy of an RE is one, so every layer's amplitude is 1 / sqrt(layers).
        h = air.frequency_response(a, slot).to(symbols.device) / math.sqrt(a.num_layers)
        shape = (air.num_rx_ant, a.num_ofdm_symbols, a.num_subcarriers)
        noise = math.sqrt(no) * air.noise(shape, slot, stream).to(symbols.device)
        data = list(a.data_ofdm_symbols)
        x = symbols.reshape(-1, len(data), a.num_subcarriers, a.num_layers)
        h_data = h[..., data, :].permute(0, 3, 4, 1, 2)
        y = (h_data @ x.unsqueeze(-1)).squeeze(-1) + noise[:, :, data].permute(0, 2, 3, 1)
        h_hat, err_var = h_data, torch.zeros((), device=symbols.device)
        if self._estimator is not None:
            estimate, error = self._estimator.estimate(self._pilot_estimates(h, noise), no)
            h_hat = estimate.permute(0, 3, 4, 1, 2) / math.sqrt(a.num_layers)
            # What the estimate lacks of the channel reaches the receiver as noise of the layers' energy.
            err_var = error.sum(dim=0) / a.num_layers
        x_hat, no_eff = lmmse_equalize(y, h_hat, err_var + no)
        if tap is not None:
            tap("h", h_data.permute(0, 3, 4, 1, 2))
            tap("h_hat", h_hat.permute(0, 3, 4, 1, 2))
            tap("received", y.permute(0, 3, 1, 2))
        return x_hat.reshape(len(x), -1), no_eff.reshape(len(x), -1)

    def _pilot_estimates(self, h: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Least-squares estimates of the unit-energy channel, [B, rx, layers, D, P], error variance `no`."""
        a = self.allocation
        pilots = self._pilots.to(h.device)
        dmrs = list(a.dmrs)
        estimates = []
        for layer in range(a.num_layers):
            # Alone on its subcarriers, a layer's pilots have the whole energy of the RE.
            comb = slice(layer, None, a.num_layers)
            p = pilots[:, comb] * math.sqrt(a.num_layers)
            y = h[:, :, layer, dmrs, comb] * p + noise[:, :, dmrs, comb]
            estimates.append(y / p * math.sqrt(a.num_layers))
        return torch.stack(estimates, dim=2)
