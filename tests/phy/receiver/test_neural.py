"""The neural receiver: what it takes, what it costs to leave it out, and that it is better than what it starts from."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from taskwave.links.transport.arrival import ArrivalPrediction, Calibration, Transmission
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import mcs_table
from taskwave.phy.config.radio import Csi, RadioConfig
from taskwave.phy.grid.allocation import Allocation, dmrs_symbols
from taskwave.phy.links.open_loop import SymbolReception
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.estimation import LinearInterpolator
from taskwave.phy.receiver.neural.estimator import NeuralEstimator
from taskwave.phy.receiver.neural.network import build_network, load_estimator, save_estimator, weights_digest
from taskwave.phy.seeds import generator
from taskwave.scenarios.studies.neural_receiver import Course, draw_symbols, fit, log_likelihood_loss, score

needs_tensorflow = pytest.mark.tensorflow


def fast_radio(csi: Csi) -> Radio:
    return Radio(RadioConfig(channel="cdl-c", speed_mps=40.0, dmrs_additional=0, csi=csi))


def receive(csi: Csi, es_n0_db: float, sent: torch.Tensor) -> SymbolReception:
    radio = fast_radio(csi)
    air = AirInterface(radio.config, radio.draw(len(sent), 1, 77), es_n0_db, 78)
    return SymbolLink(radio).send(sent, air.forward(0))


def squared_error(reception: SymbolReception, sent: torch.Tensor) -> float:
    """Return the mean squared error of the linear estimate of symbols of unit energy."""
    return float((reception.symbols / (1 + reception.noise_variance) - sent).abs().square().mean())


@needs_tensorflow
def test_fresh_weights_are_least_squares_times_what_is_channel_in_them() -> None:
    a = Allocation(1, 4, 2, dmrs_symbols(4, 0))
    seed = generator(1)
    z = torch.randn((3, 2, 2, 1, 6), dtype=torch.complex64, generator=seed)
    y = torch.randn((3, 2, 3, 12), dtype=torch.complex64, generator=seed)
    no = torch.tensor([0.1, 1.0, 10.0])
    h, noise = LinearInterpolator(a).estimate(z, no)
    h_hat, error = NeuralEstimator(build_network())(y, (h, noise), no, a, 0.01)
    assert torch.allclose(h_hat, h / (1 + noise[:, None]), atol=1e-6)
    assert torch.allclose(error, noise / (1 + noise), atol=1e-6)


@needs_tensorflow
@pytest.mark.parametrize(
    ("prb", "symbols", "layers", "antennas"), [(1, 2, 1, 1), (52, 14, 2, 2), (3, 7, 4, 4), (1, 14, 3, 8)]
)
def test_any_grid_and_antennas(prb: int, symbols: int, layers: int, antennas: int) -> None:
    a = Allocation(prb, symbols, layers, dmrs_symbols(symbols, 1))
    shape = (2, antennas, layers, len(a.data_ofdm_symbols), a.num_subcarriers)
    seed = generator(1)
    h = torch.randn(shape, dtype=torch.complex64, generator=seed)
    y = torch.randn((shape[0], antennas, *shape[3:]), dtype=torch.complex64, generator=seed)
    h_hat, error = load_estimator()(y, (h, torch.full((1, *shape[2:]), 0.1)), torch.tensor([0.1]), a, 0.0)
    assert h_hat.shape == shape and error.shape == (2, *shape[2:])
    assert bool(h_hat.abs().isfinite().all()) and bool(((error > 0) & (error <= 1)).all())


@needs_tensorflow
@pytest.mark.parametrize("es_n0_db", [0.0, 10.0, 20.0])
def test_bundled_weights_beat_least_squares_and_know_their_error_better(es_n0_db: float) -> None:
    """Error over reported variance is one of an honest receiver; least squares does not know of ageing."""
    sent = draw_symbols("analog", 96, 384, generator(3))
    ratios = {}
    receptions: dict[Csi, SymbolReception] = {csi: receive(csi, es_n0_db, sent) for csi in ("neural", "ls")}
    for csi, reception in receptions.items():
        trust = 1 / (1 + reception.noise_variance)
        error = (trust * reception.symbols - sent).abs().square() / (trust * reception.noise_variance)
        ratios[csi] = float(error.mean())
    assert squared_error(receptions["neural"], sent) < 0.9 * squared_error(receptions["ls"], sent)
    assert abs(ratios["neural"] - 1) < 0.5 * abs(ratios["ls"] - 1)


@needs_tensorflow
def test_an_image_is_received_as_if_it_were_alone() -> None:
    sent = draw_symbols("qpsk", 3, 100, generator(3))
    together, alone = (receive("neural", 10.0, s) for s in (sent, sent[:1]))
    assert torch.allclose(together.symbols[:1], alone.symbols, rtol=1e-3, atol=1e-4)


@needs_tensorflow
def test_gradients_pass_the_network_to_what_was_received() -> None:
    a = Allocation(1, 4, 2, dmrs_symbols(4, 0))
    seed = generator(1)
    y = torch.randn((1, 2, 3, 12), dtype=torch.complex64, generator=seed).requires_grad_()
    h = torch.randn((1, 2, 2, 3, 12), dtype=torch.complex64, generator=seed)
    h_hat, _ = load_estimator()(y, (h, torch.full((1, 2, 3, 12), 0.1)), torch.tensor([0.1]), a, 0.01)
    h_hat.abs().sum().backward()
    assert y.grad is not None and bool((y.grad.abs() > 0).all())


@needs_tensorflow
def test_link_adaptation_rehearses_with_symbols_that_differ() -> None:
    """A receiver that looks at data would find a message of equal symbols easy."""
    radio, signals = fast_radio("neural"), dict[str, torch.Tensor]()
    radio.tap = signals.__setitem__
    prediction = ArrivalPrediction(radio, 50.0, Calibration(draws=128, occasions=1))
    prediction.arrivals(mcs_table("qam256")[0], 10, [Transmission(0, 50)])
    assert float(signals["constellation"].angle().abs().std()) > 0.5


@needs_tensorflow
def test_training_repeats_and_leaves_weights_that_a_radio_takes(tmp_path: Path) -> None:
    once, again, found = (fit(1, 5, tmp_path / log) for log in ("log", "other-log", "log"))
    start, trained = NeuralEstimator(build_network(5)).state_dict(), once.state_dict()
    for other in (again, found):
        assert all(torch.equal(value, trained[name]) for name, value in other.state_dict().items())
    assert not all(torch.equal(value, trained[name]) for name, value in start.items())
    save_estimator(once, tmp_path)
    radio = Radio(RadioConfig(csi="neural", neural_weights=tmp_path))
    assert radio.neural is not None
    assert all(torch.equal(value, trained[name]) for name, value in radio.neural.state_dict().items())
    assert weights_digest(tmp_path) != weights_digest()


@needs_tensorflow
def test_every_weight_is_trained() -> None:
    estimator = NeuralEstimator(build_network())
    with torch.no_grad():
        for parameter in estimator.parameters():
            parameter.add_(0.01)
    Course(estimator).loss(generator(1)).backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in estimator.parameters())


@needs_tensorflow
def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"model.safetensors; `taskwave train receiver"):
        load_estimator(tmp_path)
    save_file({"network.0_kernel": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="other tensors than this network"):
        load_estimator(tmp_path)
    save_estimator(load_estimator(), tmp_path)
    assert weights_digest(tmp_path) == weights_digest()


def test_scores_are_those_of_theory() -> None:
    """Four bits of 16-QAM in AWGN (Cho and Yoon 2002), and the posterior of a Gaussian symbol in noise `no`."""
    radio = Radio(RadioConfig(channel="awgn", csi="perfect", num_tx_ant=1, num_rx_ant=1, num_layers=1))
    images, count, no = 40, 1000, 10**-1.0
    tail = torch.distributions.Normal(0.0, 1.0).cdf
    distance = math.sqrt(2 / (10 * no))
    q1, q3, q5 = (float(tail(torch.tensor(-m * distance))) for m in (1.0, 3.0, 5.0))
    p, n = (3 * q1 + 2 * q3 - q5) / 4, images * count * 4
    measured = score(radio, "16qam", 10.0, images, count, 5)
    assert abs(measured.bit_error_rate * n - n * p) <= 5 * math.sqrt(n * p * (1 - p)) + 1
    analog, posterior = score(radio, "analog", 10.0, images, count, 5), no / (1 + no)
    # Squared errors are exponential: the deviation of one is its mean.
    bound = 5 / math.sqrt(images * count)
    assert abs(analog.squared_error / posterior - 1) <= bound
    assert abs(analog.loss - math.log(posterior) - 1) <= bound


@pytest.mark.parametrize(
    "change", [lambda x, no: (0.7 * x, no), lambda x, no: (x, 1.5 * no), lambda x, no: (x, no / 2)]
)
def test_no_lie_pays(change: Any) -> None:
    seed, lost = generator(1), torch.zeros(1, dtype=torch.bool)
    sent = draw_symbols("analog", 1, 10_000, seed)
    for no in (0.1, 3.0):
        noisy = sent + math.sqrt(no) * torch.randn(sent.shape, dtype=sent.dtype, generator=seed)
        true = SymbolReception(noisy, torch.full((1, 10_000), no), 0, 0, lost)
        false = SymbolReception(*change(true.symbols, true.noise_variance), 0, 0, lost)
        assert log_likelihood_loss(true, sent) < log_likelihood_loss(false, sent)


def test_without_tensorflow_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(RuntimeError, match=r"pip install 'taskwave\[tensorflow\]'"):
        fast_radio("neural")


def test_weights_that_nobody_reads_are_refused() -> None:
    change: dict[str, Any] = {"csi": "lmmse", "neural_weights": "somewhere"}
    with pytest.raises(ValueError, match='csi "lmmse" has no use for neural_weights'):
        RadioConfig.model_validate(change)
