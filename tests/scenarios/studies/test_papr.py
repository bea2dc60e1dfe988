"""Peaks of analog messages against QAM."""

from pathlib import Path

import torch

from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.drawing import save
from taskwave.phy.radio import Radio
from taskwave.scenarios.studies import papr
from taskwave.semantic.weights import load_models


def test_interleaved_latents_are_as_harmless_as_qam(street_images: torch.Tensor, tmp_path: Path) -> None:
    """Check that the general part of the bundled weights has peaks in its own order that interleaving takes away."""
    radio = Radio(RadioConfig.model_validate({"impairments": {"amplifier": {"model": "rapp", "input_backoff_db": 6}}}))
    peaks, errors = papr.measure_peaks(load_models("streets"), radio, street_images, 1)
    at = errors[(errors["message"] == "general part") & (errors["backoff_db"] == 6)].set_index("symbols")["evm_db"]
    assert at["analog"] > at["QPSK"] + 5
    assert abs(at["interleaved"] - at["QPSK"]) < 2
    falling = errors[errors["symbols"] == "QPSK"].groupby("message")["evm_db"]
    assert all(bool((part.diff().dropna() < 0).all()) for _, part in falling)
    assert peaks["share"].between(0, 1).all()
    assert papr.papr_table(peaks, errors).row_count == 12
    assert save(papr.papr_figure(peaks, errors, "3 images"), tmp_path / "papr.png").stat().st_size > 10_000
