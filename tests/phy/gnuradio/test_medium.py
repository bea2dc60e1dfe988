"""Tests of bursts through GNU Radio against the simulation, of each impairment, and of the errors that are raised."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import zmq
from pydantic import ValidationError

from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.config.hardware import FlowgraphConfig
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.client import FlowgraphWorker
from taskwave.phy.gnuradio.interpreter import INTERPRETER_VARIABLE, FlowgraphError
from taskwave.phy.gnuradio.medium import FlowgraphMedium
from taskwave.phy.links.control import FeedbackLink
from taskwave.phy.radio import Radio

BATCH = 24
SISO = {"channel": "awgn", "num_tx_ant": 1, "num_rx_ant": 1, "num_layers": 1}
QUIET = {"noise_voltage": 0.0, "carrier_offset": 0.0, "clock_offset": 0.0, "phase_noise_deg": 0.0,
         "phase_noise_corner": 0.01, "iq_gain_db": 0.0, "iq_phase_deg": 0.0, "third_order": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> Iterator[FlowgraphWorker]:
    worker = FlowgraphWorker()
    yield worker
    worker.close()


def tone(frequency: float = 0.05, length: int = 4000) -> np.ndarray:
    """Return a tone [1, 1, length] complex64 of `frequency` cycles per sample."""
    return np.exp(2j * np.pi * frequency * np.arange(length)).astype(np.complex64)[None, None]


ONE_TAP = np.ones((1, 1, 1, 1), dtype=np.complex64)


def air_of(radio: Radio, es_n0_db: float) -> Air:
    return AirInterface(radio.config, radio.draw(BATCH, 1, 3), es_n0_db, 1).forward(0)


def test_table_is_checked() -> None:
    with pytest.raises(ValidationError, match="csi"):
        RadioConfig(csi="perfect", flowgraph=FlowgraphConfig())
    with pytest.raises(ValidationError, match="carrier_offset_hz 5000 is more than the receiver looks for"):
        RadioConfig(flowgraph=FlowgraphConfig(carrier_offset_hz=5000))
    with pytest.raises(ValidationError, match="needs paths that move, not channel awgn"):
        RadioConfig(channel="awgn", flowgraph=FlowgraphConfig(fading="moving"))
    with pytest.raises(ValidationError, match="nobody can find"):
        RadioConfig(sync_symbols=False, flowgraph=FlowgraphConfig())
    with pytest.raises(ValidationError, match="third_order"):
        FlowgraphConfig(third_order=0.1)
    assert RadioConfig(flowgraph=FlowgraphConfig()).sync_uses == 144
    assert RadioConfig().sync_uses == 0


@pytest.mark.gnuradio
@pytest.mark.parametrize(
    "base",
    [
        SISO,
        {"channel": "tdl-c"},
        {"channel": "cdl-c", "num_rx_ant": 4},
        {"channel": "uma", "drop": {"los": "always", "distance_m": 100}},
        {"channel": "recorded", "recorded": {"file": "street-canyon"}},
    ],
)
def test_loopback_is_within_half_a_decibel(snr_db, base: dict[str, object]) -> None:
    """The loopback has carrier and clock offsets and random arrivals; the simulation is in the frequency domain."""
    table = FlowgraphConfig(carrier_offset_hz=2000, clock_offset_ppm=1)
    for es_n0_db in (0.0, 20.0):
        simulated = snr_db(air_of(Radio(RadioConfig.model_validate(base)), es_n0_db))
        looped = snr_db(air_of(Radio(RadioConfig.model_validate({**base, "flowgraph": table})), es_n0_db))
        assert abs(looped - simulated) <= 0.5


@pytest.mark.gnuradio
def test_noise_and_offset_are_those_of_the_definitions(worker: FlowgraphWorker) -> None:
    silence = np.zeros((1, 1, 40_000), dtype=np.complex64)
    received = worker.carry(silence, ONE_TAP, [5], {**QUIET, "noise_voltage": 0.5})[0, 0, :40_000]
    # The mean of 40,000 exponentials scatters by 1 / 200 of the variance.
    assert np.mean(np.abs(received) ** 2) == pytest.approx(0.25, abs=5 * 0.25 / 200)
    turned = worker.carry(tone(), ONE_TAP, [1], {**QUIET, "carrier_offset": 0.01})[0, 0, 100:3900]
    assert np.mean(np.angle(turned[1:] / turned[:-1])) == pytest.approx(2 * np.pi * 0.06, abs=1e-4)


@pytest.mark.gnuradio
def test_seeds_repeat_and_differ(worker: FlowgraphWorker) -> None:
    noisy = {**QUIET, "noise_voltage": 1.0}
    several = np.repeat(tone(), 2, axis=0)
    first = worker.carry(several, np.repeat(ONE_TAP, 2, axis=0), [1, 2], noisy)
    again = worker.carry(several, np.repeat(ONE_TAP, 2, axis=0), [1, 2], noisy)
    assert np.array_equal(first, again)
    assert not np.allclose(first[0], first[1], atol=0.1)


@pytest.mark.gnuradio
def test_taps_connect_every_pair_of_antennas(worker: FlowgraphWorker) -> None:
    sent = np.zeros((1, 2, 64), dtype=np.complex64)
    sent[0, 0, 10], sent[0, 1, 30] = 1, 1j
    taps = np.arange(1, 13, dtype=np.complex64).reshape(1, 3, 2, 2)
    received = worker.carry(sent, taps, [1], QUIET)[0]
    expected = [[np.convolve(sent[0, t], taps[0, r, t])[:64] for t in range(2)] for r in range(3)]
    assert np.allclose(received[:, :64], np.sum(expected, axis=1), atol=1e-3)


@pytest.mark.gnuradio
def test_impairments_do_what_their_names_say(worker: FlowgraphWorker) -> None:
    clean = worker.carry(tone(), ONE_TAP, [1], QUIET)[0, 0, 200:3800]

    def changed(**values: float) -> np.ndarray:
        return worker.carry(tone(), ONE_TAP, [1], {**QUIET, **values})[0, 0, 200:3800]

    compressed = changed(third_order=-0.1)
    assert np.allclose(compressed, 0.9 * clean, atol=1e-3)
    image = changed(iq_gain_db=1.0)
    gain = 10 ** (1 / 20)
    mirror = np.mean(image * clean) / np.mean(image * clean.conj())
    assert abs(mirror) == pytest.approx((gain - 1) / (gain + 1), rel=0.01)
    shaken = np.angle(changed(phase_noise_deg=3.0, phase_noise_corner=0.05) / clean)
    assert np.degrees(np.std(shaken)) == pytest.approx(3.0, rel=0.2)
    drift = np.angle(changed(clock_offset=1e-4)[:3000] / clean[:3000])
    assert abs(drift[-1] - drift[0]) == pytest.approx(2 * np.pi * 0.05 * 1e-4 * 3000, rel=0.05)


@pytest.mark.gnuradio
def test_fading_of_gnu_radio_has_the_paths_it_is_given(worker: FlowgraphWorker) -> None:
    impulses = np.zeros((60, 1, 200), dtype=np.complex64)
    impulses[:, 0, 50] = 1
    paths = {"delays": [0.0, 20.0], "amplitudes": [0.8, 0.6], "doppler": 1e-6}
    received = worker.carry(impulses, np.repeat(ONE_TAP, 60, axis=0), range(1, 61), {**QUIET, **paths})[:, 0]
    power = np.mean(np.abs(received) ** 2, axis=0)
    first = int(power.argmax())
    # Powers are exponential: the tolerance is five deviations of the mean of 60.
    assert power[first] == pytest.approx(0.64, rel=0.65)
    assert power[first + 20] == pytest.approx(0.36, rel=0.65)
    assert power.sum() == pytest.approx(1.0, rel=0.65)


@pytest.mark.gnuradio
def test_moving_channels_carry_messages(snr_db) -> None:
    table = FlowgraphConfig(fading="moving", carrier_offset_hz=1000)
    moving = Radio(RadioConfig(channel="tdl-c", num_tx_ant=1, num_layers=1, speed_mps=15, flowgraph=table))
    still = Radio(RadioConfig(channel="tdl-c", num_tx_ant=1, num_layers=1, speed_mps=15))
    # The realisations are others of the same statistics: the tolerance is what 24 of them scatter.
    assert abs(snr_db(air_of(moving, 15.0), radio=moving) - snr_db(air_of(still, 15.0), radio=still)) < 2.5


@pytest.mark.gnuradio
def test_impairments_are_measured_as_noise(snr_db) -> None:
    clean, shaken = (Radio(RadioConfig(**SISO, flowgraph=FlowgraphConfig(phase_noise_deg=d))) for d in (0.0, 6.0))  # type: ignore[arg-type]
    assert snr_db(air_of(shaken, 30.0), radio=shaken) < snr_db(air_of(clean, 30.0), radio=clean) - 5


@pytest.mark.gnuradio
def test_feedback_goes_over_the_air_too() -> None:
    radio = Radio(RadioConfig(flowgraph=FlowgraphConfig(carrier_offset_hz=-1500, clock_offset_ppm=1)))
    air = AirInterface(radio.config, radio.draw(8, 1, 3), 12.0, 1).reverse(0)
    messages = torch.randint(2, (8, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    reception = FeedbackLink(radio).send(messages, air)
    assert bool(reception.ok.all())
    assert torch.equal(reception.bits, messages)


@pytest.mark.gnuradio
def test_a_killed_process_is_told_at_once(snr_db) -> None:
    radio = Radio(RadioConfig(**SISO, flowgraph=FlowgraphConfig()))  # type: ignore[arg-type]
    assert isinstance(radio.medium, FlowgraphMedium)
    assert math.isfinite(snr_db(air_of(radio, 10.0), 100, radio=radio))
    os.kill(radio.medium.worker.process.pid, signal.SIGKILL)
    with pytest.raises(FlowgraphError, match="ended with status -9"):
        snr_db(air_of(radio, 10.0), 100, radio=radio)


@pytest.mark.gnuradio
def test_garbage_on_the_socket_is_answered_and_survived() -> None:
    worker = FlowgraphWorker()
    stranger = zmq.Context.instance().socket(zmq.DEALER)
    stranger.setsockopt(zmq.LINGER, 0)
    stranger.connect(worker.address)
    for garbage in ([b"GET / HTTP/1.1"], [b"", b"\xff" * 100], [b"TWFG", b"{}", b"x" * 17]):
        stranger.send_multipart(garbage)
        assert stranger.poll(5000)
        assert b"WireError" in stranger.recv_multipart()[1]
    stranger.close()
    assert worker.carry(tone(), ONE_TAP, [1], QUIET).shape[:2] == (1, 1)
    with pytest.raises(FlowgraphError, match="taps for 2"):
        worker.carry(tone(), np.ones((1, 1, 2, 1), dtype=np.complex64), [1], QUIET)
    assert worker.carry(tone(), ONE_TAP, [1], QUIET).shape[:2] == (1, 1)
    worker.close()


@pytest.mark.gnuradio
def test_the_process_ends_with_its_parent() -> None:
    script = (
        "import os, sys; from taskwave.phy.gnuradio.client import FlowgraphWorker; w = FlowgraphWorker(); "
        "print(w.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    process = Path(f"/proc/{int(done.stdout)}")
    for _ in range(50):
        if not process.exists():
            break
        time.sleep(0.1)
    assert not process.exists()


def test_a_missing_gnu_radio_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INTERPRETER_VARIABLE, sys.executable)
    with pytest.raises(FlowgraphError, match=r"does not run under .*gnuradio.*apt-get install gnuradio"):
        FlowgraphWorker()
    monkeypatch.setenv(INTERPRETER_VARIABLE, "/nowhere/python3")
    with pytest.raises(FlowgraphError, match=f"no Python interpreter /nowhere/python3.*{INTERPRETER_VARIABLE}"):
        FlowgraphWorker()
