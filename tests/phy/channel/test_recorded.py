"""Tests of stored impulse responses: files, their order in a draw, and the error of every fault of a file."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from taskwave.phy.channel import impulse_responses
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.channel.model import draw_impulse_responses
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator

NARROW = Allocation(4, 14, 1, (2,))


def make(num: int = 5, paths: int = 3, **more: Any) -> dict[str, Any]:
    draw = np.random.default_rng(1)
    a = (draw.normal(size=(num, 2, 2, paths)) + 1j * draw.normal(size=(num, 2, 2, paths))).astype(np.complex64)
    return {"a": a, "tau": draw.uniform(0, 5e-7, (num, paths)).astype(np.float32), **more}


def save(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez(path, **arrays)
    return path


def config(path: Path | str, **more: Any) -> RadioConfig:
    table = {"file": str(path), **more.pop("recorded", {})}
    return RadioConfig.model_validate({"channel": "recorded", "recorded": table, **more})


def response(radio: Radio, batch: int, occasion: int = 0) -> torch.Tensor:
    air = AirInterface(radio.config, radio.draw(batch, 2, 4), 10.0, 1)
    return air.forward(occasion).frequency_response(NARROW, 0)


def test_channels_come_in_turn_and_by_seed(tmp_path: Path) -> None:
    arrays = make()
    radio = Radio(config(save(tmp_path / "a.npz", arrays)))
    fading = radio.draw(40, 1, 7)
    energies = fading.a.abs().square().sum(dim=(1, 2, 3, 4))
    assert len(set(energies[:5].tolist())) == 5 and torch.equal(energies[5:10], energies[:5])
    assert torch.equal(radio.draw(3, 1, 7).a, fading.a[:3])
    assert any(not torch.equal(radio.draw(5, 1, seed).a, fading.a[:5]) for seed in (1, 2))
    still = response(radio, 5)
    assert torch.equal(response(radio, 5, 1), still)


@pytest.mark.parametrize("normalise", ["all", "each"])
def test_energy_is_one_over_all_or_in_each(tmp_path: Path, normalise: str) -> None:
    arrays = make()
    arrays["a"][0] *= 10
    a = Radio(config(save(tmp_path / "a.npz", arrays), recorded={"normalise": normalise})).draw(5, 1, 7).a
    energy = a.abs().square().sum(dim=3).mean(dim=(1, 2, 3))
    assert float(energy.mean()) == pytest.approx(1, rel=1e-5)
    assert (float(energy.max()) > 4) == (normalise == "all")


def test_doppler_shifts_turn_paths(tmp_path: Path) -> None:
    arrays = make(doppler_hz=np.full((5, 3), 40.0, np.float32))
    arrays["doppler_hz"][:, 0] = 0
    radio = Radio(config(save(tmp_path / "a.npz", arrays)))
    fading = radio.draw(5, 2, 7)
    assert fading.sample_s is not None
    turned = fading.coefficients(torch.arange(5), 2, torch.zeros(1))[..., 0]
    lag_s = 2 * radio.config.turnaround_slots * radio.config.slot_seconds
    expected = fading.a[..., 0] * torch.exp(2j * torch.pi * torch.tensor([0.0, 40.0, 40.0]) * lag_s)
    assert torch.allclose(turned, expected, atol=5e-3)
    assert 0 < radio.channel.doppler_hz <= 40 * 2**0.5


def test_a_recorded_model_is_the_model(tmp_path: Path) -> None:
    model = RadioConfig(channel="tdl-c", speed_mps=10.0)
    path = tmp_path / "deep" / "tdl.npz"
    impulse_responses.write(path, draw_impulse_responses(model, 6, 2, seed=3))
    again = tmp_path / "again.npz"
    impulse_responses.write(again, draw_impulse_responses(model, 6, 2, seed=3))
    assert path.read_bytes() == again.read_bytes()
    played = Radio(config(path, speed_mps=10.0))
    order = torch.randperm(6, generator=generator(4))
    truth = Radio(model)
    air = AirInterface(truth.config, truth.draw(6, 2, 3), 10.0, 1)
    replayed = torch.cat([response(played, 6, occasion) for occasion in (0, 1)])
    direct = torch.cat([air.forward(occasion).frequency_response(NARROW, 0)[order] for occasion in (0, 1)])
    quotient = (replayed / direct).flatten()
    # Both are the same but for the normalisation over these six channels.
    assert float((quotient - quotient.mean()).abs().max()) < 1e-2 * abs(complex(quotient.mean()))
    # The spectrum is Jakes' again, so that the estimator gets nearly the same Doppler shift.
    assert played.channel.doppler_hz == pytest.approx(model.max_doppler_hz, rel=0.15)


def test_channels_that_end_too_early_are_refused(tmp_path: Path) -> None:
    model = RadioConfig(channel="tdl-c", speed_mps=10.0)
    impulse_responses.write(tmp_path / "short.npz", draw_impulse_responses(model, 2, 1, seed=3))
    with pytest.raises(ValueError, match=r"short.npz has \d+ samples.*record longer, or use fewer occasions"):
        Radio(config(tmp_path / "short.npz")).draw(2, 3, 1)


def test_what_is_drawn_anew_cannot_be_recorded() -> None:
    with pytest.raises(ValueError, match="rayleigh is drawn anew"):
        draw_impulse_responses(RadioConfig(channel="rayleigh"), 2, 2, seed=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": None}, "missing: a"),
        ({"delay": np.zeros(3)}, "unknown: delay"),
        ({"a": np.zeros((5, 2, 2, 3), np.float32)}, "a is float32: it must be complex"),
        ({"a": np.ones((5, 2, 3), np.complex64)}, r"a has shape \[5, 2, 3\]"),
        ({"a": np.zeros((0, 2, 2, 3), np.complex64)}, "none of them 0"),
        ({"a": np.full((5, 2, 2, 3), np.nan, np.complex64)}, "a has values that are not finite"),
        ({"a": np.zeros((5, 2, 2, 3), np.complex64)}, "channel 0 of a is zero"),
        ({"tau": np.zeros((4, 3))}, r"tau has shape \[4, 3\]: it must be \[5, 3\]"),
        ({"tau": np.full((5, 3), -1e-9)}, "negative delays"),
        ({"tau": np.zeros((5, 3), np.int64)}, "tau is int64"),
        ({"interval_s": np.float64(1e-3)}, "interval_s belongs to an a with samples"),
        ({"a": np.ones((5, 2, 2, 3, 9), np.complex64)}, "interval_s belongs to an a with samples"),
        ({"a": np.ones((5, 2, 2, 3, 9), np.complex64), "interval_s": np.float64(0)}, "interval_s is 0.0"),
        ({"doppler_hz": np.zeros((5, 2))}, r"doppler_hz has shape \[5, 2\]"),
        (
            {"tau": np.full((5, 3), 100.0)},
            r"tau has delays up to 100 s; allowed: 0 to 0.001 s; .*nanoseconds times 1e-9",
        ),
        ({"tau": np.full((5, 3), 1.0)}, r"tau has delays up to 1 s"),
        ({"tau": np.full((5, 3), np.inf)}, r"tau has values that are not finite .* at \[0, 0\]"),
        ({"a": np.ones((5, 2, 2, 3), np.int32)}, r"a is int32: it must be complex; convert it"),
        ({"a": np.ones((5, 2, 2, 0), complex)}, "none of them 0"),
        ({"A": np.ones((5, 2, 2, 3), complex), "a": None}, "missing: a, unknown: A"),
        ({"doppler_hz": np.full((5, 3), np.nan)}, "doppler_hz has values that are not finite"),
        ({"doppler_hz": np.full((5, 3), 1e300)}, "gives a Doppler shift"),
        ({"interval_s": np.array([1e-3])}, r"interval_s is \[0.001\]: it must be one number"),
        ({"carrier_hz": np.array(3)}, "carrier_hz is int64"),
        ({"a": np.full((5, 2, 2, 3), np.longdouble("1e4000") + 0j)}, "a has values that are not finite in double"),
        ({"carrier_hz": np.float64(28e9)}, "recorded at 28 GHz, but carrier_ghz is 3.5"),
        ({"a": np.ones((5, 4, 2, 3), np.complex64)}, "recorded with 4 receive and 2 transmit antennas"),
    ],
)
def test_faulty_files_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    arrays = {name: value for name, value in {**make(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        Radio(config(save(tmp_path / "faulty.npz", arrays)))


@pytest.mark.parametrize("normalise", ["all", "each"])
@pytest.mark.parametrize("scale", [1e-320, 1e-160, 1e-25, 1.0, 1e25, 1e160, 1e308])
def test_scale_is_lost_in_normalisation_and_nothing_else(tmp_path: Path, scale: float, normalise: str) -> None:
    arrays = make()
    arrays["a"] = arrays["a"].astype(complex) / np.abs(arrays["a"]).max()
    chosen = {"normalise": normalise}
    expected = Radio(config(save(tmp_path / "one.npz", arrays), recorded=chosen)).draw(5, 1, 7).a
    arrays["a"] = arrays["a"] * scale
    found = Radio(config(save(tmp_path / "scaled.npz", arrays), recorded=chosen))
    assert torch.allclose(found.draw(5, 1, 7).a, expected, atol=1e-3 if scale < 1e-300 else 1e-6)
    assert found.channel.beyond_prefix == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", [">c8", "<c16", ">c16", "F", "strided"])
def test_layout_of_the_numbers_does_not_matter(tmp_path: Path, kind: str) -> None:
    arrays = make()
    expected = Radio(config(save(tmp_path / "one.npz", arrays))).draw(5, 1, 7).a
    if kind == "F":
        arrays["a"] = np.asfortranarray(arrays["a"])
    elif kind == "strided":
        arrays["a"] = arrays["a"].repeat(2, axis=3)[..., ::2]
    else:
        arrays["a"] = arrays["a"].astype(kind)
    assert torch.equal(Radio(config(save(tmp_path / "other.npz", arrays))).draw(5, 1, 7).a, expected)


def test_a_channel_far_below_the_others_is_refused_unless_each_is_normalised(tmp_path: Path) -> None:
    arrays = make()
    arrays["a"][3] *= 1e-8
    file = save(tmp_path / "a.npz", arrays)
    with pytest.raises(ValueError, match=r'a.npz: channel 3 of a has .*e-1[5-7] of the mean energy; .*"each"'):
        Radio(config(file))
    assert torch.isfinite(Radio(config(file, recorded={"normalise": "each"})).draw(5, 1, 7).a.abs()).all()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_truncated_files_are_refused(tmp_path: Path, share: float) -> None:
    file = save(tmp_path / "cut.npz", make())
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut\.npz: not an .npz file of plain arrays: .*numpy.savez"):
        Radio(config(file))


def test_damaged_files_are_refused_or_hold_channels(tmp_path: Path) -> None:
    file = save(tmp_path / "broken.npz", make())
    whole, draw = file.read_bytes(), np.random.default_rng(3)
    for _ in range(150):
        broken = bytearray(whole)
        broken[int(draw.integers(len(whole)))] ^= 1 << int(draw.integers(8))
        file.write_bytes(broken)
        try:
            impulse_responses.read(file)
        except ValueError as error:
            assert "broken.npz" in str(error)


def test_files_that_unpack_to_too_much_are_refused_before_they_do(tmp_path: Path) -> None:
    file = save(tmp_path / "bomb.npz", make())
    raw = bytearray(file.read_bytes())
    entry = raw.index(b"PK\x01\x02")  # Its bytes 24 to 27 are the size that is unpacked (APPNOTE 4.3.12).
    raw[entry + 24 : entry + 28] = (2**32 - 2).to_bytes(4, "little")
    file.write_bytes(raw)
    with pytest.raises(ValueError, match=r"bomb.npz: arrays of \d+ bytes; allowed: 2147483648; split"):
        Radio(config(file))


def test_other_members_of_the_archive_are_refused(tmp_path: Path) -> None:
    file = save(tmp_path / "more.npz", make())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match=r"more.npz: .*'readme.txt', which is no array"):
        Radio(config(file))


def test_missing_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"neither a file nor a bundled set \(street-canyon\)"):
        Radio(config(tmp_path / "missing.npz"))
    (tmp_path / "text.npz").write_text("no arrays")
    (tmp_path / "one.npz").write_bytes(b"")
    (tmp_path / "pickled.npz").write_bytes(pickle.dumps({"a": 1}))
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object), tau=np.zeros(1))
    np.save(tmp_path / "single.npy", np.zeros(3))
    for name in ("text.npz", "one.npz", "pickled.npz", "objects.npz", "single.npy"):
        with pytest.raises(ValueError, match=f"{name}: not an .npz file of plain arrays"):
            Radio(config(tmp_path / name))


@pytest.mark.parametrize(
    ("interval_s", "message"), [(1e-3, "change by 35% .* shorter interval_s than 0.001"), (1e-4, "")]
)
def test_channels_too_coarse_to_interpolate_are_refused(tmp_path: Path, interval_s: float, message: str) -> None:
    """All paths of the file turn at 95 Hz."""
    turns = np.exp(2j * np.pi * 95 * interval_s * np.arange(400)).astype(np.complex64)
    arrays = make(1, interval_s=np.array(interval_s))
    arrays["a"] = arrays["a"][..., None] * turns
    chosen = config(save(tmp_path / "a.npz", arrays))
    if message:
        with pytest.raises(ValueError, match=message):
            Radio(chosen)
    else:
        assert Radio(chosen).channel.doppler_hz == pytest.approx(2**0.5 * 95, rel=0.01)


def test_channels_that_move_too_fast_are_refused_where_symbols_may_not_interfere(tmp_path: Path) -> None:
    file = save(tmp_path / "a.npz", make(doppler_hz=np.full((5, 3), 4000.0)))
    with pytest.raises(ValueError, match=r"a.npz gives a Doppler shift of 5657 Hz; .* 30 allows 900 Hz"):
        Radio(config(file))
    assert Radio(config(file, impairments={})).channel.doppler_hz == pytest.approx(5657, rel=1e-3)
