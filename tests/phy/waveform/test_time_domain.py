"""Tests of the channel on samples against that on resource elements, and against closed forms of its own effects."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import j0

from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.channel.medium import SlotSignal
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.medium import FlowgraphMedium
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.links.slot import SlotTransceiver
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio

SISO = {"channel": "awgn", "num_tx_ant": 1, "num_rx_ant": 1, "num_layers": 1}
SILENT_DB = 100.0
"""Es/N0 at which noise is negligible [dB]."""


def make(base: dict[str, Any], table: dict[str, Any], batch: int, es_n0_db: float = SILENT_DB, seed: int = 3) -> Air:
    radio = Radio(RadioConfig.model_validate({**base, "impairments": table}))
    return AirInterface(radio.config, radio.draw(batch, 1, seed), es_n0_db, 1).forward(0)


def grids_of(air: Air, num_symbols: int, seed: int = 1) -> tuple[tuple[Allocation, ...], list[torch.Tensor]]:
    """Return the allocations of a message and its grids with random symbols."""
    radio, draw = Radio(air.config), torch.Generator().manual_seed(seed)
    allocations = radio.allocator(radio.config.num_layers).allocate(num_symbols)
    return allocations, [
        SlotTransceiver(radio, a).transmit(
            torch.randn(air.batch, a.num_data_symbols, dtype=torch.complex64, generator=draw)
        )
        for a in allocations
    ]


def carried(air: Air, num_symbols: int) -> tuple[list[SlotSignal], list[torch.Tensor]]:
    allocations, grids = grids_of(air, num_symbols)
    return Radio(air.config).medium.carry(allocations, grids, air, "data"), grids


def residual(signal: SlotSignal, grid: torch.Tensor) -> torch.Tensor:
    """Return the mean energy [F] of what the true channel does not explain, over the data symbols of a slot."""
    assert signal.h is not None
    error = signal.y - (signal.h * grid[:, None]).sum(2)
    return error[:, :, 1:].abs().square().mean((0, 1, 2))


def test_noise_and_energy_are_those_of_the_definitions() -> None:
    """Also behind an amplifier the energy of the symbols stays one, and distortion comes on top."""
    no = 0.1
    for table in ({}, {"amplifier": {"model": "saleh", "input_backoff_db": 8}, "clipping_db": 6, "iq_gain_db": 1}):
        air = make(SISO, table, 8, es_n0_db=10.0)
        (signal,), (grid,) = carried(air, 7488)
        gain = (signal.y * grid.conj()).sum() / grid.abs().square().sum()
        assert abs(complex(gain) - 1) < 0.01
        if not table:
            noise = float((signal.y - grid).abs().square().mean())
            assert noise == pytest.approx(no, abs=5 * no / math.sqrt(signal.y.numel()))
            assert float(signal.y.abs().square().mean()) == pytest.approx(1 + no, rel=0.03)
            # The noise is measured on the DMRS and never taken as less than thermal noise.
            assert float(signal.no.mean()) == pytest.approx(no, rel=0.1)
            assert float(signal.no.min()) >= no * 0.999


def test_carrier_offset_costs_what_moose_says() -> None:
    """Moose 1994: sin(pi e) / (N sin(pi e / N)) of the amplitude stays, the neighbours' rest interferes."""
    share = 0.1
    air = make({**SISO, "csi": "perfect"}, {"carrier_offset_hz": share * 30e3}, 6)
    (signal,), (grid,) = carried(air, 7488)
    assert signal.h is not None
    n, lags = 1024, np.arange(-312, 312)
    amplitude = math.sin(math.pi * share) / (n * math.sin(math.pi * share / n))
    # The mean over four pieces of the window is the integral within 1e-4.
    assert float(signal.h.abs().mean()) == pytest.approx(amplitude, abs=1e-4)
    leakage = np.abs(np.sin(np.pi * share) / (n * np.sin(np.pi * (lags + share) / n))) ** 2
    expected = leakage.sum() - amplitude**2
    centre = slice(300, 324)
    assert float(residual(signal, grid)[centre].mean()) == pytest.approx(expected, rel=0.1)
    # This is Moose's bound, with his constant for the sum over all neighbours.
    sinr = amplitude**2 / expected
    assert sinr > amplitude**2 / (0.5947 * math.sin(math.pi * share) ** 2)
    # From one symbol to the next the phase turns by the offset over symbol and prefix.
    turn = torch.angle(signal.h[0, 0, 0, 5, 0] / signal.h[0, 0, 0, 4, 0])
    assert float(turn) == pytest.approx(2 * math.pi * share * (n + 72) / n, abs=1e-3)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
def test_motion_interferes_as_jakes_spectrum_does(share: float) -> None:
    """The energy that leaves its subcarrier is 1 - E|mean over the symbol|^2, or (2 pi f_D T)^2 / 24 while small."""
    speed = share * 30e3 / 28e9 * 299_792_458.0
    air = make({**SISO, "channel": "tdl-a", "carrier_ghz": 28, "speed_mps": speed, "csi": "perfect"}, {}, 48)
    (signal,), (grid,) = carried(air, 2500)
    times = np.arange(1024) / 1024
    weight = np.r_[1024, 2 * np.arange(1023, 0, -1)] / 1024**2
    expected = 1 - float(weight @ j0(2 * np.pi * share * times))
    # There are 48 images of a few symbols, with four Doppler cycles or less of each.
    edge = slice(60, -60)
    assert float(residual(signal, grid)[edge].mean()) == pytest.approx(expected, rel=0.25)
    if share < 0.05:
        assert expected == pytest.approx((2 * math.pi * share) ** 2 / 24, rel=0.01)


def test_phase_noise_is_common_to_antennas_and_partly_to_subcarriers() -> None:
    degrees, corner_hz = 3.0, 20e3
    base = {**SISO, "num_rx_ant": 2, "csi": "perfect"}
    air = make(base, {"phase_noise_deg": degrees, "phase_noise_khz": corner_hz / 1e3}, 24)
    (signal,), (grid,) = carried(air, 7488)
    rotated = signal.y / grid
    assert torch.allclose(rotated[:, 0], rotated[:, 1], atol=1e-2)
    deviation = math.radians(degrees)
    rho = np.exp(-2 * np.pi * corner_hz / 30.72e6 * np.arange(1024))
    weight = np.r_[1024, 2 * np.arange(1023, 0, -1)] / 1024**2
    expected = 1 - float(weight @ np.exp(-(deviation**2) * (1 - rho)))
    centre = slice(250, 374)
    assert float(residual(signal, grid)[centre].mean()) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("ppm", [20.0, -80.0])
def test_clocks_drift_apart(ppm: float) -> None:
    """A faster receiver counts more samples: what is sent comes later by ppm of the time, a ramp over subcarriers."""
    air = make({**SISO, "csi": "perfect"}, {"clock_offset_ppm": ppm}, 1)
    (signal,), (grid,) = carried(air, 7488)
    rotation = (signal.y * grid.conj())[0, 0, 13]
    slope = torch.angle((rotation[312:] * rotation[:312].conj()).sum()) / 312
    middle = 13 * 1096 + 72 - 18 + 512
    assert float(slope) == pytest.approx(-2 * math.pi * middle * ppm * 1e-6 / 1024, rel=0.02)
    # The rest is interference between subcarriers: (pi k ppm)^2 / 3 at subcarrier k.
    assert float(residual(signal, grid).mean()) < 2 * (math.pi * 312 * ppm * 1e-6) ** 2 / 3 + 1e-7


def test_the_reverse_direction_has_the_opposite_offset() -> None:
    radio = Radio(RadioConfig.model_validate({**SISO, "csi": "perfect", "impairments": {"carrier_offset_hz": 500}}))
    interface = AirInterface(radio.config, radio.draw(1, 1, 3), SILENT_DB, 1)
    turns = []
    for air in (interface.forward(0), interface.reverse(0)):
        (signal,), _ = carried(air, 3000)
        assert signal.h is not None
        turns.append(float(torch.angle(signal.h[0, 0, 0, 2, 0] / signal.h[0, 0, 0, 1, 0])))
    assert turns[0] == pytest.approx(2 * math.pi * 500 * 1096 / 30.72e6, rel=1e-3)
    assert turns[1] == pytest.approx(-turns[0], rel=1e-3)


def test_converters_add_the_noise_of_their_steps() -> None:
    """Max 1960: five bits at their best leave 0.003495 of the power, spread over the whole band."""
    clip_db = 20 * math.log10(0.1881 * 16)
    air = make({**SISO, "csi": "perfect"}, {"adc_bits": 5, "adc_clip_db": clip_db}, 4)
    (signal,), (grid,) = carried(air, 7488)
    # Power of the samples is 624 / 1024; its error is white, but for the gain of 1 - 0.003495 that goes with it.
    expected = 0.003495 * 624 / 1024
    assert float(residual(signal, grid).mean()) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("base", [SISO, {"channel": "tdl-c"}])
def test_ideal_hardware_costs_nothing(snr_db, base: dict[str, Any]) -> None:
    for es_n0_db in (0.0, 20.0):
        plain = Radio(RadioConfig.model_validate(base))
        reference = AirInterface(plain.config, plain.draw(24, 1, 3), es_n0_db, 1).forward(0)
        assert snr_db(make(base, {}, 24, es_n0_db)) == pytest.approx(snr_db(reference), abs=0.4)


def test_the_receiver_finds_bursts_for_itself(snr_db) -> None:
    table = {"synchronisation": "estimated", "carrier_offset_hz": 2000, "clock_offset_ppm": 1}
    base = {"channel": "tdl-c"}
    plain = Radio(RadioConfig.model_validate(base))
    for es_n0_db in (5.0, 20.0):
        reference = AirInterface(plain.config, plain.draw(24, 1, 3), es_n0_db, 1).forward(0)
        assert snr_db(make(base, table, 24, es_n0_db)) == pytest.approx(snr_db(reference), abs=0.6)


def test_pilots_measure_what_hardware_adds() -> None:
    """The noise variance that decoders get is that of the errors, distortion included."""
    table = {"amplifier": {"model": "rapp", "input_backoff_db": 2}, "adc_bits": 6}
    air = make(SISO, table, 24, 30.0)
    symbols = torch.randn(24, 3000, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    reception = SymbolLink(Radio(air.config)).send(symbols, air)
    error = float((reception.symbols - symbols).abs().square().mean())
    assert error > 5e-3
    assert float(reception.noise_variance.mean()) == pytest.approx(error, rel=0.3)


def test_interleaving_spreads_and_gathers() -> None:
    """Symbols return to their positions, and energy in one part of a message is spread over all of it."""
    base = {"channel": "awgn", "num_tx_ant": 2, "num_rx_ant": 2, "num_layers": 2}
    plain, spread = make(base, {}, 2, 40.0), make(base, {"interleaving": True}, 2, 40.0)
    symbols = torch.zeros(2, 384, dtype=torch.complex64)
    symbols[:, :96] = 2
    received = {}
    for name, air in (("plain", plain), ("spread", spread)):
        link = SymbolLink(Radio(air.config))
        link.radio.tap = lambda key, value, name=name: received.update({(name, key): value})
        reception = link.send(symbols, air)
        assert float((reception.symbols - symbols).abs().square().mean()) < 1e-3
    energy = {n: received[n, "received"].abs().square().mean((0, 1, 3)) for n in ("plain", "spread")}
    assert float(energy["plain"].max() / energy["plain"].mean()) > 3
    assert float(energy["spread"].max() / energy["spread"].mean()) < 1.5


@pytest.mark.gnuradio
@pytest.mark.parametrize(
    "table",
    [
        {"clock_offset_ppm": 5.0},
        {"phase_noise_deg": 4.0, "phase_noise_khz": 10.0},
        {"iq_gain_db": 0.5, "iq_phase_deg": 2.0},
        {"third_order": -0.05},
        {"carrier_offset_hz": 1500, "clock_offset_ppm": 1.0, "phase_noise_deg": 2.0, "iq_gain_db": 0.3,
         "iq_phase_deg": 1.0, "third_order": -0.03},
    ],
)  # fmt: skip
def test_gnu_radio_sees_the_same_errors(snr_db, table: dict[str, float]) -> None:
    """The tolerance covers distortion that folds back into the band in GNU Radio's amplifier."""
    base = {**SISO, "channel": "tdl-c", "num_rx_ant": 2, "speed_mps": 0}
    ours: dict[str, Any] = {**table, "synchronisation": "estimated"}
    third_order = ours.pop("third_order", 0.0)
    if third_order:
        backoff = -1 / (3 * third_order) / (624 / 1024)
        ours["amplifier"] = {"model": "cubic", "input_backoff_db": 10 * math.log10(backoff)}
    looped = Radio(RadioConfig.model_validate({**base, "flowgraph": table}))
    reference = AirInterface(looped.config, looped.draw(24, 1, 3), 35.0, 1).forward(0)
    assert snr_db(make(base, ours, 24, 35.0), 7488) == pytest.approx(snr_db(reference, 7488), abs=0.4)


@pytest.mark.gnuradio
def test_the_clock_of_gnu_radio_is_off_the_same_way() -> None:
    """A faster receiver sees a tone turn less from sample to sample."""
    table = {"clock_offset_ppm": 100.0, "arrival_us": 0.0}
    radio = Radio(RadioConfig.model_validate({**SISO, "flowgraph": table}))
    assert isinstance(radio.medium, FlowgraphMedium)
    air = AirInterface(radio.config, radio.draw(1, 1, 3), SILENT_DB, 1).forward(0)
    tone = torch.exp(2j * torch.pi * 0.05 * torch.arange(4000)).to(torch.complex64)[None, None]
    received = radio.medium.transport(tone, air, "data")[0, 0, 200:3800]
    turn = torch.angle((received[1:] * received[:-1].conj()).mean())
    assert float(turn) == pytest.approx(2 * math.pi * 0.05 * (1 - 1e-4), abs=1e-6)


def test_an_image_is_received_alike_in_any_batch() -> None:
    table = {"phase_noise_deg": 2, "adc_bits": 8, "amplifier": {"model": "rapp", "input_backoff_db": 6}}
    for synchronisation in ("known", "estimated"):
        radio = Radio(RadioConfig.model_validate({"impairments": {**table, "synchronisation": synchronisation}}))
        interface = AirInterface(radio.config, radio.draw(18, 1, 3), 15.0, 1)
        symbols = torch.randn(18, 400, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
        symbols = symbols / symbols.abs().square().mean(1, keepdim=True).sqrt()
        together = SymbolLink(radio).send(symbols, interface.forward(0)).symbols
        alone = SymbolLink(radio).send(symbols[17:], interface.select(slice(17, 18)).forward(0)).symbols
        assert torch.allclose(together[17:], alone, atol=1e-3)


def test_gradients_pass_through_everything() -> None:
    """The derivative along a direction is compared with finite differences, without converters, which have steps."""
    table = {
        "amplifier": {"model": "rapp", "input_backoff_db": 3},
        "clipping_db": 4,
        "iq_gain_db": 1,
        "phase_noise_deg": 2,
        "carrier_offset_hz": 200,
        "clock_offset_ppm": 5,
    }
    air = make({"channel": "cdl-c", "speed_mps": 30, "csi": "ls"}, table, 2, 20.0)
    symbols = torch.randn(2, 300, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    direction = torch.randn(2, 300, dtype=torch.complex64, generator=torch.Generator().manual_seed(2))
    link = SymbolLink(Radio(air.config))

    def loss(x: torch.Tensor) -> torch.Tensor:
        return link.send(x, air).symbols.abs().square().mean()

    x = symbols.clone().requires_grad_()
    loss(x).backward()
    assert x.grad is not None and bool(torch.isfinite(torch.view_as_real(x.grad)).all())
    slope = float((x.grad.conj() * direction).real.sum())
    step = 1e-2
    secant = float(loss(symbols + step * direction) - loss(symbols - step * direction)) / (2 * step)
    assert slope == pytest.approx(secant, rel=0.02)
    digital = make({"channel": "cdl-c"}, {**table, "adc_bits": 6, "synchronisation": "estimated"}, 2, 20.0)
    y = symbols.clone().requires_grad_()
    SymbolLink(Radio(digital.config)).send(y, digital).symbols.abs().square().mean().backward()
    assert y.grad is not None and bool(torch.isfinite(torch.view_as_real(y.grad)).all())
    assert float(y.grad.abs().mean()) > 0


def test_noise_does_not_depend_on_who_is_sent_together() -> None:
    """Receivers of UMi have delays of their own, and so messages lengths of their own."""
    radio = Radio(RadioConfig.model_validate({"channel": "umi", "impairments": {}, "max_prb": 24}))
    link, draw = SymbolLink(radio), torch.Generator().manual_seed(1)
    sent = torch.randn(4, 200, dtype=torch.complex64, generator=draw)
    air = AirInterface(radio.config, radio.draw(4, 1, 5), 5.0, 6)
    together = link.send(sent, air.forward(0)).symbols
    for row in range(4):
        alone = link.send(sent[row : row + 1], air.select(torch.tensor([row])).forward(0)).symbols
        torch.testing.assert_close(alone[0], together[row], rtol=1e-3, atol=1e-3)
    # Among more receivers the longest delay is longer, and so is the message of all of them.
    more = AirInterface(radio.config, radio.draw(64, 1, 5), 5.0, 6)
    assert more.fading.tau.max() > air.fading.tau.max()
    among = link.send(sent, more.select(slice(0, 4)).forward(0)).symbols
    torch.testing.assert_close(among, together, rtol=1e-3, atol=1e-3)
