"""Sionna's side of the benchmark: its own OFDM, MIMO, channel, mapping and LDPC blocks, set up once.

The grid has the same pilots as TaskWave's: QPSK in the same OFDM symbols, stream k on every L-th subcarrier from k.
Sionna's streams have unit energy each where TaskWave's share one, so its noise variance is L times as large for the
same SNR.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from taskwave.phy.benchmark.chain import CODE_RATE, FLOODING_ITERATIONS, MODULATION_ORDER, Setting
from taskwave.phy.channel.link_level import panel
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import NUM_SYMBOLS_PER_SLOT
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator, sionna_seed

_ENERGY_DRAWS = 256
"""Number of realisations from which the mean energy of the channel is taken."""


class SionnaChain:
    """Implements `Chain` with Sionna."""

    def __init__(self, setting: Setting) -> None:
        # Importing Sionna takes seconds.
        from sionna.phy.channel import ApplyOFDMChannel, subcarrier_frequencies  # noqa: PLC0415
        from sionna.phy.mapping import BinarySource, Demapper, Mapper  # noqa: PLC0415
        from sionna.phy.mimo import StreamManagement  # noqa: PLC0415
        from sionna.phy.ofdm import LMMSEEqualizer, ResourceGrid, ResourceGridMapper  # noqa: PLC0415

        self._setting, radio, layers = setting, Radio(setting.radio), setting.antennas
        allocation = radio.allocator(layers).full_slot
        spacing_hz = setting.radio.subcarrier_spacing_khz * 1e3
        with sionna_seed(generator(0)):
            grid = ResourceGrid(
                num_ofdm_symbols=NUM_SYMBOLS_PER_SLOT,
                fft_size=allocation.num_subcarriers,
                subcarrier_spacing=spacing_hz,
                num_streams_per_tx=layers,
                cyclic_prefix_length=round(allocation.num_subcarriers / NUM_SYMBOLS_PER_SLOT),
                pilot_pattern="kronecker",
                pilot_ofdm_symbol_indices=list(allocation.dmrs),
                device="cpu",
            )
        coded_bits = allocation.num_data_symbols * MODULATION_ORDER // layers
        block_bits = int(CODE_RATE * coded_bits) if setting.coded else coded_bits
        if setting.coded:
            self._encoder, self._decoder = _code(block_bits, coded_bits)
        self._source = BinarySource(device="cpu")
        self._shape = [setting.batch, 1, layers, block_bits]
        self._mapper = Mapper("qam", MODULATION_ORDER, device="cpu")
        self._demapper = Demapper("app", "qam", MODULATION_ORDER, device="cpu")
        self._grid_mapper = ResourceGridMapper(grid, device="cpu")
        self._apply = ApplyOFDMChannel(device="cpu")
        self._sampling_hz = 1.0 / grid.ofdm_symbol_duration
        self._frequencies = subcarrier_frequencies(allocation.num_subcarriers, spacing_hz, device="cpu")
        self._model = _channel_model(setting)
        self._energy = 1.0
        if self._model is None:
            # AWGN has one constant channel, which is made here and not in every batch.
            fixed = radio.draw(1, 1, 0).a[:, None, :, None, :, 0, :, None]
            self._h = fixed.expand(1, 1, layers, 1, layers, NUM_SYMBOLS_PER_SLOT, allocation.num_subcarriers)
        else:
            with sionna_seed(generator(0)):
                a, _ = self._model(_ENERGY_DRAWS, 1, self._sampling_hz)
            self._energy = float(a.abs().square().sum(dim=5).mean())
        self._estimator = _estimator(setting, radio, grid, self._energy)
        self._equalizer = LMMSEEqualizer(grid, StreamManagement(np.ones((1, 1), dtype=int), layers), device="cpu")

    def draw(self, seed: int) -> None:
        """Implement `Chain.draw`."""
        self._paths(seed)
        self._response()

    def send(self, es_n0_db: float, seed: int) -> torch.Tensor:
        """Implement `Chain.send`."""
        for _, stage in self._message(es_n0_db, seed):
            stage()
        rates: torch.Tensor = (self._decided != self._bits).flatten(1).float().mean(dim=1)
        return rates

    def stages(self, es_n0_db: float, seed: int) -> list[tuple[str, Callable[[], None]]]:
        """Implement `Chain.stages`."""
        fading = [("fading draw", lambda: self._paths(seed)), ("frequency response", self._response)]
        return [*(fading if self._model is not None else []), *self._message(es_n0_db, seed)]

    def _message(self, es_n0_db: float, seed: int) -> list[tuple[str, Callable[[], None]]]:
        no = torch.tensor(noise_variance(es_n0_db) * self._setting.antennas * self._energy)
        coded = self._setting.coded
        return [
            ("bits", lambda: self._draw_bits(seed)),
            *([("LDPC encoding", self._encode)] if coded else []),
            ("modulation", self._map),
            ("grid", self._fill),
            ("channel and noise", lambda: self._carry(no, seed)),
            ("channel estimation", lambda: self._estimate(no)),
            ("equalisation", lambda: self._equalize(no)),
            ("demapping", self._demap),
            *([("LDPC decoding", self._decode)] if coded else []),
        ]

    def _paths(self, seed: int) -> None:
        if self._model is not None:
            with sionna_seed(generator(seed, 0)):
                self._cir = self._model(self._setting.batch, NUM_SYMBOLS_PER_SLOT, self._sampling_hz)

    def _response(self) -> None:
        from sionna.phy.channel import cir_to_ofdm_channel  # noqa: PLC0415

        if self._model is not None:
            self._h = cir_to_ofdm_channel(self._frequencies, *self._cir)

    def _draw_bits(self, seed: int) -> None:
        with sionna_seed(generator(seed, 1)):
            self._bits = self._sent = self._source(self._shape)

    def _encode(self) -> None:
        self._sent = self._encoder(self._bits)

    def _map(self) -> None:
        self._symbols = self._mapper(self._sent)

    def _fill(self) -> None:
        self._x = self._grid_mapper(self._symbols)

    def _carry(self, no: torch.Tensor, seed: int) -> None:
        with sionna_seed(generator(seed, 2)):
            self._y = self._apply(self._x, self._h, no)

    def _estimate(self, no: torch.Tensor) -> None:
        self._h_hat, self._error = self._estimator(self._y, no)

    def _equalize(self, no: torch.Tensor) -> None:
        self._x_hat, self._no_eff = self._equalizer(self._y, self._h_hat, self._error, no)

    def _demap(self) -> None:
        self._logits = self._demapper(self._x_hat, self._no_eff)
        self._decided = (self._logits > 0).float()

    def _decode(self) -> None:
        self._decided = self._decoder(self._logits)


def _code(block_bits: int, coded_bits: int) -> tuple[Any, Any]:
    """Build Sionna's LDPC encoder and decoder."""
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder  # noqa: PLC0415

    encoder = LDPC5GEncoder(block_bits, coded_bits, num_bits_per_symbol=MODULATION_ORDER, device="cpu")
    return encoder, LDPC5GDecoder(encoder, num_iter=FLOODING_ITERATIONS, device="cpu")


def _channel_model(setting: Setting) -> Any:
    """Build Sionna's TDL or CDL model of the setting's radio; None for AWGN."""
    from sionna.phy.channel.tr38901 import CDL, TDL  # noqa: PLC0415

    c, carrier_hz = setting.radio, setting.radio.carrier_ghz * 1e9
    if c.channel == "awgn":
        return None
    family, letter = c.channel.upper().split("-")
    if family == "TDL":
        return TDL(
            letter, c.delay_spread_ns * 1e-9, carrier_hz, min_speed=c.speed_mps,
            num_rx_ant=c.num_rx_ant, num_tx_ant=c.num_tx_ant, device="cpu",
        )  # fmt: skip
    return CDL(
        letter, c.delay_spread_ns * 1e-9, carrier_hz, direction="downlink", device="cpu",
        bs_array=panel(c.num_tx_ant, carrier_hz, c.antenna_spacing),
        ut_array=panel(c.num_rx_ant, carrier_hz, c.antenna_spacing),
        min_speed=c.speed_mps, max_speed=c.speed_mps,
    )  # fmt: skip


def _estimator(setting: Setting, radio: Radio, grid: Any, energy: float) -> Any:
    """Build an estimator: least squares with linear interpolation, or LMMSE in frequency, then in time.

    LMMSE takes its statistics from the radio. `energy` is the mean energy of Sionna's channel.
    """
    from scipy.special import j0  # noqa: PLC0415
    from sionna.phy.ofdm import LMMSEChannelEstimator, LSChannelEstimator  # noqa: PLC0415

    if setting.csi == "ls":
        return LSChannelEstimator(grid, interpolation_type="lin", device="cpu")
    subcarriers = torch.arange(grid.fft_size, dtype=torch.float64) * setting.radio.subcarrier_spacing_khz * 1e3
    phase = -2 * torch.pi * torch.outer(subcarriers, radio.channel.delays.double())
    response = torch.polar(radio.channel.powers.double().sqrt().expand_as(phase), phase)
    lag = np.arange(NUM_SYMBOLS_PER_SLOT)
    doppler = radio.channel.doppler_hz * setting.radio.slot_seconds / NUM_SYMBOLS_PER_SLOT
    time = torch.from_numpy(j0(2 * np.pi * doppler * (lag[:, None] - lag)))
    return LMMSEChannelEstimator(
        grid, time.to(torch.complex64), (energy * response @ response.mH).to(torch.complex64), order="f-t", device="cpu"
    )
