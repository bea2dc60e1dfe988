"""Tests that one realisation has the same effect on samples and on resource elements."""

import math
from typing import Any

import pytest
import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.channel.medium import FrequencyDomain
from taskwave.phy.config.channel import DropConfig
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.slot import SlotTransceiver
from taskwave.phy.radio import Radio
from taskwave.phy.waveform.multipath import multipath_taps
from taskwave.phy.waveform.ofdm import carrier_modem

HALF_WIDTH = 16


def difference_db(radio: dict[str, Any]) -> float:
    """Return the energy of samples minus resource elements over that of resource elements, on data REs [dB]."""
    config = RadioConfig(**radio)
    chosen, modem = Radio(config), carrier_modem(config)
    air = AirInterface(chosen.config, chosen.draw(4, 1, 5), 100.0, 1).forward(0)
    (allocation,) = chosen.allocator(2).allocate(6000)
    generator = torch.Generator().manual_seed(1)
    symbols = torch.randn(4, allocation.num_data_symbols, dtype=torch.complex64, generator=generator)
    grid = SlotTransceiver(chosen, allocation).transmit(symbols)
    sent = modem.modulate(grid)
    # Every path is delayed by itself, so that it can change from sample to sample: [4, paths, layers, samples].
    paths = air.path_delays().shape[-1]
    shapes = multipath_taps(torch.eye(paths, dtype=torch.complex64), air.path_delays(), modem.sample_rate)
    length = sent.shape[-1] + shapes.shape[-1]
    size = 1 << (length - 1).bit_length()
    late = torch.fft.ifft(torch.fft.fft(shapes, size)[:, :, None] * torch.fft.fft(sent, size)[:, None])
    late = late[..., HALF_WIDTH : HALF_WIDTH + sent.shape[-1]]
    times = torch.arange(sent.shape[-1]) / modem.sample_rate
    arrived = torch.zeros(4, config.num_rx_ant, sent.shape[-1], dtype=torch.complex64)
    for first in range(0, len(times), 2048):
        piece = slice(first, first + 2048)
        a = air.fading.coefficients(air.images, 0, times[piece])[:, :, :2]
        arrived[..., piece] = torch.einsum("brlpt,bplt->brt", a, late[..., piece])
    start = torch.full((4,), modem.prefix)
    width = allocation.num_subcarriers
    received = modem.demodulate(arrived, start, torch.arange(allocation.num_ofdm_symbols), width)
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
        # Every receiver has delays of its own.
        ({"channel": "umi", "speed_mps": 0.0, "drop": DropConfig(los="always", distance_m=50.0)}, -80),
        # Samples see the channel change within a symbol, resource elements see the channel at its beginning.
        ({"channel": "tdl-a", "speed_mps": 0.83}, -55),
        ({"channel": "tdl-a", "speed_mps": 30.0}, -25),
    ],
)
def test_time_and_frequency_domain_agree(radio: dict[str, Any], tolerance_db: float) -> None:
    assert difference_db(radio) < tolerance_db


def test_only_samples_suffer_from_paths_beyond_the_prefix() -> None:
    """The difference is below the energy of these paths, most of whose window holds the right symbol."""
    radio = {"channel": "uma", "speed_mps": 0.0, "drop": FAR}
    chosen = Radio(RadioConfig(**radio))
    air = AirInterface(chosen.config, chosen.draw(4, 1, 5), 100.0, 1).forward(0)
    energy = air.path_coefficients(2).abs().square().sum((1, 2))
    late = energy[air.path_delays() > chosen.config.prefix_s].sum() / energy.sum()
    assert -20 < difference_db(radio) - 10 * math.log10(late) < 0


def distance(base: dict[str, Any]) -> float:
    """Return the amplitude of samples minus resource elements over that of resource elements.

    The message has a full slot and a part of one.
    """
    radio = Radio(RadioConfig.model_validate({**base, "impairments": {}}))
    air = AirInterface(radio.config, radio.draw(4, 1, 3), 100.0, 1).forward(0)
    allocations = radio.allocator(2).allocate(radio.allocator(2).full_slot.num_data_symbols + 500)
    draw = torch.Generator().manual_seed(1)
    sizes = [(4, a.num_data_symbols) for a in allocations]
    symbols = [torch.randn(size, dtype=torch.complex64, generator=draw) for size in sizes]
    grids = [SlotTransceiver(radio, a).transmit(part) for a, part in zip(allocations, symbols, strict=True)]
    ours = radio.medium.carry(allocations, grids, air, "data")
    theirs = FrequencyDomain().carry(allocations, grids, air, "data")
    errors = [
        (one.y - other.y).abs().square().mean() / other.y.abs().square().mean()
        for one, other in zip(ours, theirs, strict=True)
    ]
    return float(max(errors).sqrt())


@pytest.mark.parametrize(
    "base",
    [
        {"channel": "awgn"},
        {"channel": "rayleigh"},
        {"channel": "tdl-c", "speed_mps": 0},
        {"channel": "cdl-c", "speed_mps": 0, "num_rx_ant": 4},
        {"channel": "cdl-c", "speed_mps": 0, "num_tx_ant": 4},
        {"channel": "uma", "speed_mps": 0, "drop": {"los": "always", "distance_m": 100}},
        {"channel": "tdl-c", "speed_mps": 0, "delay_spread_ns": 30, "max_prb": 8},
        {"channel": "tdl-a", "speed_mps": 0, "delay_spread_ns": 50, "subcarrier_spacing_khz": 60, "max_prb": 20},
    ],
)
def test_a_static_channel_is_that_of_the_frequency_domain(base: dict[str, Any]) -> None:
    """Both agree within 1e-3 of the received amplitude, 3e-3 where the prefix has nine samples."""
    assert distance(base) < (3e-3 if base.get("max_prb") == 8 else 1e-3)


@pytest.mark.parametrize("speed_mps", [0, 10])
def test_recorded_channels_move_as_recorded(speed_mps: float) -> None:
    """Channels move at 50 km/h whatever `speed_mps` is.

    Samples see the motion within a symbol, resource elements see the channel at its beginning.
    """
    assert (
        1e-3 < distance({"channel": "recorded", "speed_mps": speed_mps, "recorded": {"file": "street-canyon"}}) < 0.03
    )
