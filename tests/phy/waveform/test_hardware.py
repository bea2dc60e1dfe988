"""Tests of each impairment by itself against its closed form or published values."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import j0

from taskwave.phy.channel.medium import FrequencyDomain
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.config.hardware import AmplifierConfig, ImpairmentsConfig
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.radio import Radio
from taskwave.phy.waveform.ofdm import OfdmModem
from taskwave.phy.waveform.receiver import phase_noise, quantise
from taskwave.phy.waveform.transmitter import (
    Transmitter,
    amplify,
    bussgang_gain,
    clip_envelope,
    downsample,
    exceedance,
    iq_imbalance,
    papr_db,
    upsample,
)

RAPP = AmplifierConfig(model="rapp", input_backoff_db=0)
SALEH = AmplifierConfig(model="saleh", input_backoff_db=0)
CUBIC = AmplifierConfig(model="cubic", input_backoff_db=0)
MODEM = OfdmModem(624, 30e3)


def gaussian(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def received(table: ImpairmentsConfig, grid: torch.Tensor) -> torch.Tensor:
    """Return `grid` [B, S, F], of unit energy, behind one transmit chain."""
    sent = Transmitter(table, grid.shape[-1] / MODEM.fft_size).send(MODEM.modulate(grid))
    start = torch.full((len(grid),), MODEM.prefix)
    return MODEM.demodulate(sent[:, None], start, torch.arange(grid.shape[1]), grid.shape[2])[:, 0]


def sdr_db(table: ImpairmentsConfig, grid: torch.Tensor) -> float:
    """Return signal over distortion [dB] of the REs, without scaling, since the gain of the symbols should be one."""
    error = (received(table, grid) - grid).abs().square().mean()
    return float(10 * torch.log10(grid.abs().square().mean() / error))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flowgraph": {}, "impairments": {}}, "exclude each other.*remove one"),
        ({"csi": "perfect", "impairments": {"synchronisation": "estimated"}}, 'csi "perfect".*use csi "lmmse"'),
        ({"sync_symbols": False, "impairments": {"synchronisation": "estimated"}}, "nobody can find"),
        ({"impairments": {"synchronisation": "estimated", "carrier_offset_hz": 4000}}, "impairments.*at most 3000 Hz"),
        ({"impairments": {"carrier_offset_hz": 16000}}, "more than half a subcarrier: use at most 15000 Hz"),
        ({"speed_mps": 190.0}, "Doppler shift of 2218 Hz.*or the time domain"),
        ({"carrier_ghz": 28, "speed_mps": 100.0, "impairments": {}}, "allows 7500 Hz"),
        ({"impairments": {"amplifier": {"model": "saleh", "input_backoff_db": 3, "smoothness": 2}}}, "leave it out"),
        ({"impairments": {"adc_bits": 0}}, "adc_bits"),
        ({"impairments": {"third_order": -0.1}}, "third_order"),
    ],
)
def test_impossible_tables_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RadioConfig.model_validate(change)


def test_without_the_table_nothing_changes() -> None:
    assert isinstance(Radio(RadioConfig()).medium, FrequencyDomain)
    assert RadioConfig().channel_name == "cdl-c"
    assert RadioConfig(impairments=ImpairmentsConfig()).channel_name == "cdl-c/time-domain"
    assert RadioConfig(impairments=ImpairmentsConfig()).sync_uses == 0
    assert RadioConfig(impairments=ImpairmentsConfig(synchronisation="estimated")).sync_uses == 144
    fast = RadioConfig(speed_mps=190.0, impairments=ImpairmentsConfig())
    assert fast.max_doppler_hz > 0.03 * 30e3


@pytest.mark.parametrize("clipping_db", [0.0, 3.0, 6.0])
def test_clipping_is_that_of_bussgang(clipping_db: float) -> None:
    """Ochiai and Imai 2002: gain 1 - exp(-g^2) + sqrt(pi) g erfc(g) / 2, output power 1 - exp(-g^2)."""
    limit = 10 ** (clipping_db / 20)
    gain = 1 - math.exp(-(limit**2)) + math.sqrt(math.pi) * limit * math.erfc(limit) / 2
    assert bussgang_gain(lambda x: clip_envelope(x, 2 * limit), 4.0) == pytest.approx(gain, abs=1e-4)
    x = gaussian(400_000)
    y = clip_envelope(x, limit)
    assert float(y.abs().square().mean()) == pytest.approx(1 - math.exp(-(limit**2)), rel=0.01)
    distortion = 1 - math.exp(-(limit**2)) - gain**2
    assert float((y - gain * x).abs().square().mean()) == pytest.approx(distortion, rel=0.05)
    # A part of the distortion, less than a half, leaves the band and spares the REs.
    total_db = 10 * math.log10(gain**2 / distortion)
    measured = sdr_db(ImpairmentsConfig(clipping_db=clipping_db), gaussian(8, 14, 624))
    assert total_db + 0.5 < measured < total_db + 3


def test_amplifiers_have_the_curves_of_their_papers() -> None:
    r = torch.tensor([1e-3, 0.5, 1.0, 2.0, 100.0], dtype=torch.float64)
    x = r * (0.6 + 0.8j)
    for p in (1.0, 2.0, 3.0):
        rapp = AmplifierConfig(model="rapp", input_backoff_db=0, smoothness=p)
        assert torch.allclose(amplify(2 * x, rapp, 2.0), 2 * x / (1 + r ** (2 * p)) ** (1 / (2 * p)))
    # The steepest curve is close to ideal clipping, also in single precision.
    steep = AmplifierConfig(model="rapp", input_backoff_db=0, smoothness=100)
    assert torch.allclose(amplify(x.to(torch.complex64), steep, 1.0).abs(), r.clamp(max=1).float(), rtol=0.01)
    # Saleh: 2.1587 r / (1 + 1.1517 r^2) and 4.0033 r^2 / (1 + 9.1040 r^2), saturation at r = 1 / sqrt(1.1517).
    own = r / math.sqrt(1.1517)
    out = amplify(x, SALEH, 1.0) / x
    curve = 2.1587 * own / (1 + 1.1517 * own**2)
    assert torch.allclose((out.abs() * r), curve / 2.1587 * math.sqrt(1.1517))
    assert torch.allclose(out.angle(), 4.0033 * own**2 / (1 + 9.1040 * own**2))
    assert float((out.abs() * r).argmax()) == 2
    # GNU Radio's third-order coefficient is -1 / (3 A^2).
    low = x[:3]
    assert torch.allclose(amplify(low, CUBIC, 1.0), low * (1 - r[:3] ** 2 / 3))
    assert float(amplify(x, CUBIC, 1.0).abs()[-1]) == pytest.approx(2 / 3)


def test_cubic_distortion_in_and_beside_the_band() -> None:
    """The cubic y = x + c x |x|^2 of Gaussian x has gain 1 + 2 c P and distortion 2 c^2 P^3.

    The density of the distortion, for a flat band, is that of the sum of three uniform frequencies: 2/3 of it lie in
    the band, 1/6 in either neighbour.
    """
    backoff_db = 12.0
    table = ImpairmentsConfig(amplifier=AmplifierConfig(model="cubic", input_backoff_db=backoff_db))
    c = -1 / 3 * 10 ** (-backoff_db / 10)  # for P = 1
    distortion = 2 * c**2 / (1 + 2 * c) ** 2
    grid = gaussian(24, 14, 624)
    # Without oversampling, distortion that folds back would cost 0.13 dB.
    assert sdr_db(table, grid) == pytest.approx(-10 * math.log10(distortion * 2 / 3), abs=0.06)
    # Whole periods, four times oversampled, have nothing beside the band but what the amplifier makes.
    bodies = torch.fft.ifft(torch.nn.functional.pad(grid, (0, 3 * 624)), norm="ortho") * 2
    spectrum = torch.fft.fft(amplify(bodies, CUBIC, 10 ** (backoff_db / 20)), norm="ortho").abs().square().mean((0, 1))
    aclr_db = 10 * math.log10(float(spectrum[:624].sum() / spectrum[624:1248].sum()))
    assert aclr_db == pytest.approx(-10 * math.log10(distortion / 6), abs=0.4)


@pytest.mark.parametrize("amplifier", [RAPP, SALEH])
def test_back_off_buys_linearity(amplifier: AmplifierConfig) -> None:
    grid = gaussian(4, 14, 624)
    reached = [
        sdr_db(ImpairmentsConfig(amplifier=amplifier.model_copy(update={"input_backoff_db": b})), grid)
        for b in (0.0, 3.0, 6.0, 9.0, 12.0)
    ]
    assert all(later > before + 2 for before, later in pairwise(reached))
    assert sdr_db(ImpairmentsConfig(amplifier=amplifier.model_copy(update={"input_backoff_db": 50.0})), grid) > 60


@pytest.mark.parametrize(("gain_db", "phase_deg"), [(1.0, 0.0), (0.0, 3.0), (-0.5, 2.0)])
def test_mirror_images_are_rejected_as_the_formula_says(gain_db: float, phase_deg: float) -> None:
    g, phi = 10 ** (gain_db / 20), math.radians(phase_deg)
    rejection = (1 + 2 * g * math.cos(phi) + g**2) / (1 - 2 * g * math.cos(phi) + g**2)
    grid = torch.zeros(1, 1, 624, dtype=torch.complex64)
    grid[..., 312 + 100] = 1
    table = ImpairmentsConfig(iq_gain_db=gain_db, iq_phase_deg=phase_deg)
    power = received(table, grid)[0, 0].abs().square()
    assert float(power[412]) == pytest.approx(1, abs=1e-4)
    assert float(power[412] / power[212]) == pytest.approx(rejection, rel=1e-3)
    assert float(iq_imbalance(torch.tensor(1.0 + 0j), gain_db, 0.0).real) == pytest.approx(g)


@pytest.mark.parametrize(
    ("bits", "step", "error"),
    # From Max 1960, table II: distance of equally spaced levels for Gaussian samples, and mean squared error.
    [(1, 1.596, 0.3634), (2, 0.9957, 0.1188), (3, 0.5860, 0.03744), (4, 0.3352, 0.01154), (5, 0.1881, 0.003495)],
)
def test_quantisation_reaches_the_optimum_of_max(bits: int, step: float, error: float) -> None:
    share = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
    x = torch.complex(torch.special.ndtri(share), torch.special.ndtri(1 - share))
    y = quantise(x, torch.tensor(step * 2 ** (bits - 1)), bits)
    assert float((y - x).abs().square().mean() / 2) == pytest.approx(error, rel=1e-3)
    assert len(torch.view_as_real(y).unique()) == 2**bits


@pytest.mark.parametrize("bits", [6, 10])
def test_quantisation_gives_six_decibels_a_bit(bits: int) -> None:
    draw = torch.Generator().manual_seed(2)
    x = torch.view_as_complex(2 * torch.rand(200_000, 2, generator=draw) - 1)
    y = quantise(x, torch.tensor(1.0), bits)
    snr = x.abs().square().mean() / (y - x).abs().square().mean()
    assert 10 * math.log10(float(snr)) == pytest.approx(20 * bits * math.log10(2), abs=0.05)


def ici(correlation: np.ndarray) -> float:
    """Return the share of energy that leaves its subcarrier with this correlation over lags 0 … N - 1."""
    n = len(correlation)
    weight = np.r_[n, 2 * np.arange(n - 1, 0, -1)] / n**2
    return 1 - float(weight @ correlation)


def test_phase_noise_has_its_spectrum_and_interference() -> None:
    deviation, corner, n = math.radians(4), 3e3 / 30.72e6, 1024
    phase = phase_noise((600, 12 * n), deviation, corner, torch.Generator().manual_seed(1)).double()
    # Values are independent about once in 1 / (2 pi corner) samples: some 2,000 of them are.
    assert float(phase.square().mean().sqrt()) == pytest.approx(deviation, rel=0.05)
    assert float(phase[:, 0].square().mean().sqrt()) == pytest.approx(deviation, rel=0.15)
    step = float((phase[:, 1:] - phase[:, :-1]).square().mean())
    assert step == pytest.approx(4 * math.pi * corner * deviation**2, rel=0.01)
    lags = np.arange(n)
    exact = ici(np.exp(-(deviation**2) * (1 - np.exp(-2 * math.pi * corner * lags))))
    turned = torch.polar(torch.ones_like(phase), phase).unflatten(1, (12, n))
    assert float(1 - turned.mean(-1).abs().square().mean()) == pytest.approx(exact, rel=0.05)
    # Wiener phase noise has increments 4 pi corner deviation^2; a third of half its variance over a symbol leaks.
    slow = 100 / 30.72e6
    wiener = 4 * math.pi * slow * deviation**2 * n / 6
    assert ici(np.exp(-(deviation**2) * (1 - np.exp(-2 * math.pi * slow * lags)))) == pytest.approx(wiener, rel=0.02)


def test_doppler_formula_is_the_small_shift_limit_of_jakes() -> None:
    """The limit of the frequency domain rests on this formula: (2 pi f_D T)^2 / 24."""
    share = 0.03
    exact = ici(j0(2 * np.pi * share / 1024 * np.arange(1024)))
    assert exact == pytest.approx((2 * math.pi * share) ** 2 / 24, rel=0.01)


def test_resampling_is_the_identity_in_the_band() -> None:
    samples = MODEM.modulate(gaussian(2, 5, 624))
    fine = upsample(samples, 4)
    length = samples.shape[-1]
    assert torch.allclose(fine[..., : 4 * length : 4], samples, atol=1e-5)
    assert torch.allclose(downsample(fine, 4)[..., :length], samples, atol=1e-5)


def test_peaks_are_those_of_gaussian_symbols() -> None:
    """van Nee and de Wild 1998: peaks of an oversampled symbol are as many as 2.8 N independent samples have."""
    bits = torch.randint(2, (4000, 4 * 312), generator=torch.Generator().manual_seed(1)).float()
    values = papr_db(Modulation(4).map(bits)[:, None])
    levels = torch.tensor([8.5, 9.5, 10.5])
    expected = 1 - (1 - torch.exp(-(10 ** (levels / 10)))) ** (2.8 * 312)
    assert torch.allclose(exceedance(values, levels), expected, rtol=0.25)
    tone = torch.zeros(1, 1, 12, dtype=torch.complex64)
    tone[..., 3] = 1
    assert float(papr_db(tone)) == pytest.approx(0, abs=1e-4)
    assert float(papr_db(torch.ones(1, 1, 12, dtype=torch.complex64))) == pytest.approx(10 * math.log10(12), abs=1e-4)
    assert exceedance(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 2.0, 9.0])).tolist() == [1.0, 0.5, 0.0]


def test_gradients_are_those_of_finite_differences() -> None:
    x = gaussian(40).to(torch.complex128).requires_grad_()
    half = AmplifierConfig(model="rapp", input_backoff_db=0, smoothness=0.5)
    steep = AmplifierConfig(model="rapp", input_backoff_db=0, smoothness=50)
    for amplifier in (RAPP, SALEH, CUBIC, half, steep):
        assert torch.autograd.gradcheck(lambda v, a=amplifier: amplify(v, a, 1.2), (x,))
    assert torch.autograd.gradcheck(lambda v: clip_envelope(v, 0.8), (x,))
    assert torch.autograd.gradcheck(lambda v: iq_imbalance(v, 1.0, 5.0), (x,))
    silence = torch.zeros(3, dtype=torch.complex64, requires_grad=True)
    for amplifier in (RAPP, SALEH, CUBIC, half):
        (gradient,) = torch.autograd.grad(amplify(silence, amplifier, 1.0).real.sum(), silence)
        assert torch.allclose(gradient, torch.ones(3, dtype=torch.complex64), atol=1e-5)


def test_converters_pass_the_gradient_within_their_range() -> None:
    x = torch.tensor([0.3 - 0.4j, 2.0 + 0.1j], requires_grad=True)
    (gradient,) = torch.autograd.grad(torch.view_as_real(quantise(x, torch.tensor(1.0), 3)).sum(), x)
    assert torch.equal(torch.view_as_real(gradient), torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
