"""Tests of bursts against the frequency domain, against the bounds of estimation, and in noise alone."""

import math

import pytest
import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.channel.medium import FrequencyDomain
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.slot import SlotTransceiver, equalize
from taskwave.phy.radio import Radio
from taskwave.phy.waveform.burst import Burst, BurstReception, Bursts
from taskwave.phy.waveform.multipath import multipath_taps
from taskwave.phy.waveform.ofdm import OfdmModem, carrier_modem
from taskwave.phy.waveform.synchronization import FALSE_ALARM, Part, carrier_offset, detect, noise_power

SISO = RadioConfig(channel="awgn", num_tx_ant=1, num_rx_ant=1, num_layers=1)
BATCH = 200
LISTENED = 2000
"""Samples before and after a burst, both together."""


class Trial:
    """Makes `BATCH` bursts of `num_symbols` that arrive at random through a channel, a carrier offset and noise."""

    def __init__(self, config: RadioConfig, num_symbols: int, es_n0_db: float, offset_hz: float, seed: int = 1) -> None:
        draw = torch.Generator().manual_seed(seed)
        radio = Radio(config)
        self.air = AirInterface(radio.config, radio.draw(BATCH, 1, seed), es_n0_db, seed).forward(0)
        self.allocations = radio.allocator(config.num_layers).allocate(num_symbols)
        self.slots = [SlotTransceiver(radio, a) for a in self.allocations]
        sizes = [a.num_data_symbols for a in self.allocations]
        self.symbols = torch.randn(BATCH, sum(sizes), dtype=torch.complex64, generator=draw)
        self.grids = [s.transmit(part) for s, part in zip(self.slots, self.symbols.split(sizes, 1), strict=True)]
        self.modem = OfdmModem(12 * config.max_prb, config.subcarrier_spacing_khz * 1e3)
        self.burst = Burst(self.modem, radio.channel, self.allocations, config.sync_blocks)
        taps = multipath_taps(
            self.air.path_coefficients(config.num_layers), self.air.path_delays()[:, None], self.modem.sample_rate
        )
        self.arrivals = torch.randint(LISTENED - 300, (BATCH,), generator=draw)
        length = self.burst.length + LISTENED
        sent = self.burst.transmit(self.grids)
        size = 1 << (length - 1).bit_length()
        shift = -2 * torch.pi * torch.arange(size) / size * self.arrivals[:, None]
        spectrum = (torch.fft.fft(taps, size) * torch.fft.fft(sent, size)[:, None]).sum(2)
        spectrum = spectrum * torch.polar(torch.ones_like(shift), shift)[:, None]
        clean = torch.fft.ifft(spectrum)[..., :length]
        turn = 2 * torch.pi * offset_hz / self.modem.sample_rate * torch.arange(length, dtype=torch.float64)
        noise = torch.randn(clean.shape, dtype=torch.complex64, generator=draw)
        self.received = clean * torch.polar(torch.ones_like(turn), turn).to(clean) + noise * 10 ** (-es_n0_db / 20)

    def error(self, received: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
        """Return the SNR [dB] of a Gaussian channel whose best linear estimate has the error of these symbols."""
        x_hat, no_eff = (torch.cat(parts, 1) for parts in zip(*received, strict=True))
        error = (x_hat / (1 + no_eff) - self.symbols).abs().square().mean()
        return float(10 * torch.log10(1 / error - 1))

    def both(self) -> tuple[float, float, BurstReception]:
        """Return `error` with ideal synchronisation and with the receiver's own, and what the receiver found."""
        ideal = FrequencyDomain().carry(self.allocations, self.grids, self.air, "data")
        found = self.burst.receive(self.received)
        ways = (ideal, found.signals)
        errors = [
            self.error([equalize(s.observe(x), x.lost) for s, x in zip(self.slots, way, strict=True)]) for way in ways
        ]
        return errors[0], errors[1], found


def test_transforms_are_unitary_and_inverse() -> None:
    modem = OfdmModem(624, 30e3)
    assert (modem.fft_size, modem.prefix, modem.sample_rate) == (1024, 72, 30.72e6)
    grid = torch.randn(2, 3, 14, 60, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    samples = modem.modulate(grid)
    bodies = samples.unflatten(-1, (14, -1))[..., modem.prefix :]
    assert torch.allclose(bodies.abs().square().sum((-1, -2)), grid.abs().square().sum((-1, -2)), rtol=1e-4)
    start = torch.tensor([modem.prefix, modem.prefix])
    assert torch.allclose(modem.demodulate(samples, start, torch.arange(14), 60), grid, atol=1e-4)
    # A delay of three samples within the prefix is a phase ramp, which `ramp` undoes.
    late = modem.demodulate(samples, start - 3, torch.arange(14), 60)
    assert not torch.allclose(late, grid, atol=0.1)
    assert torch.allclose(late * modem.ramp(torch.tensor([3.0, 3.0]), 60), grid, atol=1e-4)


def test_subcarriers_lie_where_the_channel_model_has_them() -> None:
    modem, k = OfdmModem(48, 15e3), 30
    grid = torch.zeros(1, 1, 1, 48, dtype=torch.complex64)
    grid[..., k] = 1
    body = modem.modulate(grid)[0, 0, modem.prefix :]
    time = torch.arange(modem.fft_size) / modem.sample_rate
    expected = torch.polar(torch.full_like(time, modem.fft_size**-0.5), 2 * torch.pi * (k - 24) * 15e3 * time)
    assert torch.allclose(body, expected, atol=1e-5)


def test_taps_have_the_response_of_the_paths() -> None:
    rate, delays = 30.72e6, torch.tensor([0.0, 41e-9, 0.8e-6])
    gains = torch.tensor([[1.0, 0.5j, -0.3]], dtype=torch.complex64)
    taps = multipath_taps(gains, delays, rate)
    frequencies = torch.linspace(-0.42, 0.42, 101) * rate
    response = torch.exp(-2j * torch.pi * torch.outer(frequencies, torch.arange(taps.shape[1]) / rate)) @ taps[0]
    expected = torch.exp(-2j * torch.pi * torch.outer(frequencies, delays + 16 / rate)) @ gains[0]
    assert float((response - expected).abs().max()) < 1e-3


@pytest.mark.parametrize(
    ("config", "num_symbols"),
    [(SISO, 24), (SISO, 9000), (RadioConfig(), 384), (RadioConfig(channel="tdl-c", delay_spread_ns=200), 3000)],
)
@pytest.mark.parametrize("es_n0_db", [0.0, 15.0])
def test_synchronisation_costs_little(config: RadioConfig, num_symbols: int, es_n0_db: float) -> None:
    ideal, real, found = Trial(config, num_symbols, es_n0_db, -2000.0).both()
    assert float(found.found.float().mean()) >= 0.99
    # Noise differs between the two: 0.1 dB is added to what synchronisation may cost.
    assert real > ideal - 0.6
    assert real < ideal + 0.6


@pytest.mark.parametrize("config", [SISO, RadioConfig(channel="tdl-c", num_tx_ant=1, num_layers=1)])
@pytest.mark.parametrize("num_symbols", [384, 2600])
def test_weak_bursts_get_the_right_multiple_of_the_carrier_offset(config: RadioConfig, num_symbols: int) -> None:
    """A wrong multiple, a fraction of the symbol rate away, makes a burst noise; such bursts cost a decibel."""
    ideal, real, found = Trial(config, num_symbols, -5.0, 2000.0).both()
    wrong = (found.carrier_offset_hz[found.found] - 2000).abs() > 300
    assert float(wrong.float().mean()) < 0.05
    assert real > ideal - 0.5


def test_ends_of_the_carrier_leave_no_doubt_about_the_delay() -> None:
    """Blocks at both ends together are an interferometer: delays 1.8 samples apart look almost the same."""
    trial = Trial(SISO, 384, 10.0, 2000.0)
    ideal, real, found = trial.both()
    late = found.start - trial.arrivals - 16 - trial.modem.prefix
    assert float((late.abs() > 1).float().mean()) < 0.05
    assert real > ideal - 0.15


def test_grids_are_those_of_the_frequency_domain() -> None:
    trial = Trial(RadioConfig(channel="awgn"), 2000, 60.0, 700.0)
    (reference,) = FrequencyDomain().carry(trial.allocations, trial.grids, trial.air, "data")
    (signal,) = trial.burst.receive(trial.received).signals
    # The phase at the start of the burst is left to the channel estimate.
    turn = (signal.y * reference.y.conj()).sum((1, 2, 3), keepdim=True)
    error = (signal.y * (turn / turn.abs()).conj() - reference.y).abs().square().mean()
    assert float(error) < 1e-5


def test_offset_and_noise_are_measured() -> None:
    trial = Trial(SISO, 2000, 10.0, 1234.0)
    found = trial.burst.receive(trial.received)
    expected = trial.arrivals + 16 + trial.modem.prefix
    assert float((found.start - expected).square().mean().sqrt()) < 0.05
    assert float((found.carrier_offset_hz - 1234.0).square().mean().sqrt()) < 30
    assert float(found.no.mean()) == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("gain", [1e-6, 1.0, 300.0])
def test_gain_control_takes_any_gain(gain: float) -> None:
    trial = Trial(SISO, 400, 25.0, 500.0)
    burst = Burst(trial.modem, Radio(SISO).channel, trial.allocations, SISO.sync_blocks, gain_control=True)
    received = burst.receive(gain * trial.received)
    assert bool(received.found.all())
    assert float(received.no.mean()) == pytest.approx(10**-2.5, rel=0.05)
    (slot,) = trial.slots
    assert trial.error([equalize(slot.observe(received.signals[0]))]) == pytest.approx(25, abs=0.5)


def test_carrier_offset_reaches_the_bound() -> None:
    """The bound is Cramér and Rao's for an unknown amplitude and phase on each pilot subcarrier, in K known symbols."""
    symbols, offset, no, pilots, trials = torch.tensor([0, 2, 11, 15]), 900.0, 0.05, 40, 2000
    times = symbols * 35.7e-6
    draw = torch.Generator().manual_seed(1)
    h = torch.randn(trials, 1, 1, 1, pilots, dtype=torch.complex64, generator=draw)
    h = h / h.abs().square().mean(-1, keepdim=True).sqrt()
    turn = torch.polar(torch.ones_like(times), 2 * torch.pi * offset * times)[None, None, None, :, None]
    noise = torch.randn(trials, 1, 1, len(times), pilots, dtype=torch.complex64, generator=draw)
    rows = (h * turn + math.sqrt(no) * noise)[:, 0, 0]
    estimate, _ = carrier_offset(rows, symbols, 35.7e-6, 3000.0)
    spread = (times - times.mean()).square().sum()
    bound = no / (2 * (2 * torch.pi) ** 2 * pilots * spread)
    assert abs(float(estimate.mean()) - offset) < 5 * math.sqrt(float(bound) / trials)
    assert float((estimate - offset).square().mean() / bound) == pytest.approx(1.0, abs=0.25)


def test_noise_power_leaves_out_what_the_channel_bends() -> None:
    draw = torch.Generator().manual_seed(1)
    k = torch.arange(60)
    turn = torch.tensor([0.0, 0.5])
    gains = torch.randn(3000, 1, 1, 1, 2, dtype=torch.complex64, generator=draw) / math.sqrt(2)
    z = gains @ torch.exp(-1j * torch.outer(turn, k))
    noise = torch.randn(z.shape, dtype=torch.complex64, generator=draw)
    excess = float((0.5 * (2 - 2 * turn.cos()).square()).sum()) / 6
    measured = noise_power([z + 0.1 * noise], [excess])
    assert float(measured.mean()) == pytest.approx(0.01, rel=0.1)
    assert float(noise_power([z + 0.1 * noise], [0.0]).mean()) > 0.013


@pytest.mark.parametrize("antennas", [1, 4])
def test_noise_alone_seldom_passes_for_a_burst(antennas: int) -> None:
    trial = Trial(SISO, 24, 0.0, 0.0)
    template = trial.slots[0].transmit(torch.ones(1, trial.allocations[0].num_data_symbols, dtype=torch.complex64))
    body = OfdmModem(624, 30e3).modulate(template)[0, :, 72 : 72 + 1024]
    body = body / body.abs().square().sum(-1, keepdim=True).sqrt()
    draw = torch.Generator().manual_seed(3)
    windows, alarms = 4000, 0
    for _ in range(windows // 500):
        noise = 3.0 * torch.randn(500, antennas, 6000, dtype=torch.complex64, generator=draw)
        alarms += int(detect(noise, [Part(body, 0), Part(body, 2500)]).found.sum())
    assert alarms <= windows * FALSE_ALARM


def test_threshold_is_that_of_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one lag the probability of a false alarm is exactly `FALSE_ALARM`."""
    monkeypatch.setattr("taskwave.phy.waveform.synchronization.FALSE_ALARM", 0.1)
    body = torch.randn(1, 512, dtype=torch.complex64, generator=torch.Generator().manual_seed(2))
    body = body / body.abs().square().sum().sqrt()
    noise = torch.randn(20000, 2, 1024, dtype=torch.complex64, generator=torch.Generator().manual_seed(3))
    alarms = int(detect(noise, [Part(body, 0), Part(body, 512)]).found.sum())
    assert abs(alarms - 2000) <= 5 * math.sqrt(20000 * 0.1 * 0.9) + 1


def test_a_burst_that_was_not_found_is_an_erasure() -> None:
    trial = Trial(SISO, 100, 10.0, 0.0)
    silence = torch.randn(trial.received.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(9))
    received = trial.burst.receive(silence)
    assert not bool(received.found[:20].any())
    signal = received.signals[0]
    x_hat, no_eff = equalize(trial.slots[0].observe(signal), signal.lost)
    assert bool((x_hat[:20] == 0).all())
    assert float(no_eff[:20].min()) >= 1e6


def test_too_short_a_window_is_told() -> None:
    trial = Trial(SISO, 100, 10.0, 0.0)
    with pytest.raises(ValueError, match="listen longer"):
        trial.burst.receive(trial.received[..., :3000])


def test_bursts_are_made_once() -> None:
    radio = Radio(SISO)
    bursts = Bursts(carrier_modem(SISO), radio.channel, SISO.sync_blocks)
    short, long = (radio.allocator(1).allocate(symbols) for symbols in (24, 9000))
    assert bursts.of(long) is bursts.of(list(long))
    assert bursts.of(short) is not bursts.of(long)
    assert [bursts.of(kind).allocations for kind in (short, long)] == [short, long]


def test_synchronisation_is_charged() -> None:
    plain, synced = (Radio(RadioConfig(sync_symbols=s)).allocator(2) for s in (None, True))
    for symbols in (1, 100, 5000):
        assert synced.channel_uses(symbols) == plain.channel_uses(symbols) + 144
    assert synced.channel_uses(0) == 0
    assert synced.capacity(144) == 0
    for uses in (200, 1000, 20000):
        assert synced.capacity(uses) == plain.capacity(uses - 144)
        assert synced.channel_uses(synced.capacity(uses)) <= uses
