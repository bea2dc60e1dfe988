"""The same realisation applied to samples and to resource elements."""

import math
from typing import Any

import pytest
import torch

from taskwave.phy.air import AirInterface, Radio, RadioConfig
from taskwave.phy.channel.config import DropConfig
from taskwave.phy.slot import SlotTransceiver
from taskwave.phy.waveform.multipath import multipath_taps
from taskwave.phy.waveform.ofdm import carrier_modem

HALF_WIDTH = 16


def difference_db(radio: dict[str, Any]) -> float:
    """Energy of samples minus resource elements over that of resource elements, on data REs, four images."""
    config = RadioConfig(**radio)
    chosen, modem = Radio(config), carrier_modem(config)
    air = AirInterface(chosen, chosen.draw(4, 1, 5), 100.0, 1).forward(0)
    (allocation,) = chosen.allocator(2).allocate(6000)
    generator = torch.Generator().manual_seed(1)
    symbols = torch.randn(4, allocation.num_data_symbols, dtype=torch.complex64, generator=generator)
    grid = SlotTransceiver(chosen, allocation).transmit(symbols)
    sent = modem.modulate(grid)
    # Each path by itself, so that it can change from sample to sample: [4, paths, layers, samples].
    paths = air.path_delays().shape[-1]
    shapes = multipath_taps(torch.eye(paths, dtype=torch.complex64), air.path_delays(), modem.sample_rate)
    length = sent.shape[-1] + shapes.shape[-1]
    size = 1 << (length - 1).bit_length()
    late = torch.fft.ifft(torch.fft.fft(shapes, size)[:, :, None] * torch.fft.fft(sent, size)[:, None])
    late = late[..., HALF_WIDTH : HALF_WIDTH + sent.shape[-1]]
    times = torch.arange(sent.shape[-1]) / modem.sample_rate
    heard = torch.zeros(4, config.num_rx_ant, sent.shape[-1], dtype=torch.complex64)
    for first in range(0, len(times), 2048):
        piece = slice(first, first + 2048)
        a = air.fading.coefficients(air.images, 0, times[piece])[:, :, :2]
        heard[..., piece] = torch.einsum("brlpt,bplt->brt", a, late[..., piece])
    start = torch.full((4,), modem.prefix)
    width = allocation.num_subcarriers
    received = modem.demodulate(heard, start, torch.arange(allocation.num_ofdm_symbols), width)
    expected = (air.frequency_response(allocation, 0) * grid[:, None]).sum(2)
    data = list(allocation.data_ofdm_symbols)
    error = (received - expected)[:, :, data].abs().square().mean() / expected[:, :, data].abs().square().mean()
    return float(10 * error.log10())


FAR = DropConfig(los="never", distance_m=200.0)


@pytest.mark.parametrize(
    ("radio", "tolerance_db"),
    [
        ({"channel": "tdl-a", "speed_mps": 0.0}, -80),
        ({"channel": "cdl-d", "speed_mps": 0.0}, -80),
        # Every receiver has its own delays.
        ({"channel": "umi", "speed_mps": 0.0, "drop": DropConfig(los="always", distance_m=50.0)}, -80),
        # Samples see the channel change within a symbol, resource elements that at its beginning.
        ({"channel": "tdl-a", "speed_mps": 0.83}, -55),
        ({"channel": "tdl-a", "speed_mps": 30.0}, -25),
    ],
)
def test_time_and_frequency_domain_agree(radio: dict[str, Any], tolerance_db: float) -> None:
    assert difference_db(radio) < tolerance_db


def test_only_samples_suffer_from_paths_beyond_the_prefix() -> None:
    radio = {"channel": "uma", "speed_mps": 0.0, "drop": FAR}
    share = Radio(RadioConfig(**radio)).channel.beyond_prefix
    assert -40 < difference_db(radio) < 10 * math.log10(share)
