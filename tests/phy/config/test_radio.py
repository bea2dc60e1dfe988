"""Tests of the radio's configuration: refusals, slot durations and imports."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.radio import Radio


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chanel": "awgn"}, "chanel"),
        ({"channel": "cdl-f"}, "cdl-f"),
        ({"num_layers": 3}, "num_layers 3 needs as many antennas"),
        ({"num_layers": 0}, "num_layers"),
        ({"speed_mps": 199.0}, "Doppler shift of 2323 Hz.*allows 900 Hz"),
        ({"delay_spread_ns": float("nan")}, "delay_spread_ns"),
        ({"max_prb": 0}, "max_prb"),
        ({"max_prb": True}, "max_prb"),
        ({"speed_mps": "3"}, "speed_mps"),
        ({"speed_mps": float("inf")}, "speed_mps"),
        ({"sync_symbols": 1}, "sync_symbols"),
        ({"csi": "genie"}, "csi"),
        ({"sync_symbols": True, "precoding": {}}, "without sync_symbols"),
        (
            {"channel": "umi", "link_budget": {"tx_power_dbm": 23, "path_loss": "rma"}},
            "path_loss rma is not that of channel umi",
        ),
    ],
)
def test_impossible_radios_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RadioConfig.model_validate(change)


def test_delays_beyond_the_cyclic_prefix_are_refused() -> None:
    with pytest.raises(ValueError, match="cyclic prefix of 2344 ns: use a smaller delay spread"):
        Radio(RadioConfig(channel="tdl-c", delay_spread_ns=1000))


def test_slot_duration_follows_the_numerology() -> None:
    assert RadioConfig(subcarrier_spacing_khz=15).slot_seconds == pytest.approx(1e-3)
    assert RadioConfig(subcarrier_spacing_khz=60).slot_seconds == pytest.approx(0.25e-3)


def test_configuration_and_definitions_import_without_torch() -> None:
    code = (
        "import sys, taskwave.phy.config, taskwave.phy.definitions; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'sionna')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
