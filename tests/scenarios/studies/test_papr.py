"""Peaks of analog messages against QAM."""

from pathlib import Path

import torch

from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.drawing import save
from taskwave.phy.radio import Radio
from taskwave.scenarios.studies import papr
from taskwave.semantic.weights import load_models


def test_interleaved_windows_are_as_harmless_as_qam(street_images: torch.Tensor, tmp_path: Path) -> None:
    """Windows of the bundled code have peaks in their own order, which interleaving takes away, of one window some."""
    radio = Radio(RadioConfig.model_validate({"impairments": {"amplifier": {"model": "rapp", "input_backoff_db": 6}}}))
    peaks, errors = papr.measure_peaks(load_models(), radio, street_images, 1)
    at = errors[errors["backoff_db"] == 6].set_index(["message", "symbols"])["evm_db"]
    assert at["windows", "analog"] > at["windows", "QPSK"] + 3
    assert abs(at["windows", "interleaved"] - at["windows", "QPSK"]) < 2
    assert at["general part", "analog"] > at["general part", "interleaved"] + 3
    falling = errors[errors["symbols"] == "QPSK"].groupby("message")["evm_db"]
    assert all(bool((part.diff().dropna() < 0).all()) for _, part in falling)
    assert peaks["share"].between(0, 1).all()
    assert papr.papr_table(peaks, errors).row_count == 12
    assert save(papr.papr_figure(peaks, errors, "3 images"), tmp_path / "papr.png").stat().st_size > 10_000
