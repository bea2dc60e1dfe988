"""Study of the neural receiver: training on symbols of every kind over moving channels, scores and a comparison."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

import torch
from rich.table import Table

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.config.radio import Csi, RadioConfig
from taskwave.phy.links.open_loop import SymbolReception
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.neural.estimator import NeuralEstimator
from taskwave.phy.receiver.neural.network import build_network
from taskwave.phy.seeds import generator
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.record import claim

SymbolKind = Literal["analog", "qpsk", "16qam", "64qam"]
KINDS: tuple[SymbolKind, ...] = ("analog", "qpsk", "16qam", "64qam")
"""Kinds of symbols that training draws from."""
_ORDERS: dict[SymbolKind, int] = {"qpsk": 2, "16qam": 4, "64qam": 6}
"""Modulation order (bits of a symbol) of each kind but analog."""
CHANNELS = ("cdl-a", "cdl-c", "cdl-d", "tdl-b")
"""Channel models that training draws from."""
DELAY_SPREADS_NS = (30.0, 100.0, 180.0)
"""Delay spreads that training draws from [ns]."""
SPEEDS_MPS = (1.0, 20.0, 40.0, 60.0)
"""Speeds that training draws from [m/s]: Doppler shifts of up to 0.025 of the subcarrier spacing (3.5 GHz, 30 kHz)."""
ES_N0_DB = (-5.0, 25.0)
"""Range of the SNR in training [dB]."""
NUM_SYMBOLS = (40, 1200)
"""Range of the number of symbols of a message in training; its logarithm is uniform."""
BATCH = 16
"""Number of messages in a batch."""
SEEDS = 2**31
"""Bound of the seeds of channels and noise in training; validation and comparison use this one and the next."""
COUNT = 384
"""Number of symbols of a message in validation and comparison, that of the general part of an image."""


@dataclass(frozen=True)
class ReceptionScore:
    """Holds means over received symbols, given that their energy is one."""

    loss: float
    """Negative log-likelihood as in `log_likelihood_loss`."""
    squared_error: float
    """Squared error of the posterior mean: 1 if nothing is known."""
    bit_error_rate: float
    """Bit error rate of hard decisions without a code; NaN for analog symbols."""


def draw_symbols(kind: SymbolKind, batch: int, count: int, draws: torch.Generator) -> torch.Tensor:
    """Draw symbols [batch, count] complex64 of mean energy one: Gaussian, as analog codes send them, or QAM."""
    if kind == "analog":
        return torch.randn((batch, count), dtype=torch.complex64, generator=draws)
    order = _ORDERS[kind]
    return _modulation(order).map(torch.randint(2, (batch, count * order), generator=draws))


def log_likelihood_loss(reception: SymbolReception, sent: torch.Tensor) -> torch.Tensor:
    """Return the mean negative log-likelihood of the sent symbols, up to a constant, after a Gaussian prior.

    The prior has energy one. Without it a receiver would gain by bias: symbols of zero and noise of one beat the truth
    at low SNR.
    """
    mean, variance = _posterior(reception)
    return (variance.log() + (mean - sent).abs().square() / variance).mean()


@torch.no_grad()
def score(radio: Radio, kind: SymbolKind, es_n0_db: float, images: int, count: int, seed: int) -> ReceptionScore:
    """Score the reception of messages of `count` symbols of one kind over `images` channels."""
    sent = draw_symbols(kind, images, count, generator(seed))
    reception = SymbolLink(radio).send(
        sent, AirInterface(radio.config, radio.draw(images, 1, seed), es_n0_db, seed).forward(0)
    )
    loss, (mean, _) = log_likelihood_loss(reception, sent), _posterior(reception)
    errors = float("nan")
    if kind != "analog":
        modulation = _modulation(_ORDERS[kind])
        decided = modulation.llr(reception.symbols, reception.noise_variance) > 0
        truth = modulation.llr(sent, torch.ones_like(reception.noise_variance)) > 0
        errors = float((decided != truth).float().mean())
    return ReceptionScore(float(loss), float((mean - sent).abs().square().mean()), errors)


def _posterior(reception: SymbolReception) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and variance [B, n] of the sent symbols given the received ones and a prior of energy one."""
    trust = 1 / (1 + reception.noise_variance)
    return trust * reception.symbols, trust * reception.noise_variance


@cache
def _modulation(order: int) -> Modulation:
    return Modulation(order)


class Course:
    """Draws random receptions over random radios, each of which is built when it first occurs.

    Args:
        estimator: channel estimator of all radios, the one in training.
    """

    def __init__(self, estimator: NeuralEstimator) -> None:
        self.estimator = estimator
        self._radios: dict[tuple[int, ...], Radio] = {}

    def loss(self, draws: torch.Generator) -> torch.Tensor:
        """Return the loss of one batch with a random radio, SNR, number and kind of symbols.

        Args:
            draws: generator of everything random.
        """

        def below(count: int) -> int:
            return int(torch.randint(count, (), generator=draws))

        def between(low: float, high: float) -> float:
            return low + (high - low) * float(torch.rand((), generator=draws))

        radio = self._radio(below(len(CHANNELS)), below(len(DELAY_SPREADS_NS)), below(len(SPEEDS_MPS)), below(3) // 2)
        low, high = NUM_SYMBOLS
        count = round(low * (high / low) ** between(0, 1))
        sent = draw_symbols(KINDS[below(len(KINDS))], BATCH, count, draws)
        fading = radio.draw(BATCH, 1, below(SEEDS))
        air = AirInterface(radio.config, fading, between(*ES_N0_DB), below(SEEDS)).forward(0)
        return log_likelihood_loss(SymbolLink(radio, 2 - below(4) // 3).send(sent, air), sent)

    def _radio(self, channel: int, delay_spread: int, speed: int, additional: int) -> Radio:
        key = (channel, delay_spread, speed, additional)
        if key not in self._radios:
            config = RadioConfig.model_validate(
                {
                    "channel": CHANNELS[channel],
                    "delay_spread_ns": DELAY_SPREADS_NS[delay_spread],
                    "speed_mps": SPEEDS_MPS[speed],
                    "dmrs_additional": additional,
                    "csi": "ls",
                }
            )
            self._radios[key] = Radio(config)
            self._radios[key].neural = self.estimator
        return self._radios[key]


def fit(steps: int, seed: int, folder: Path, monitor: Monitor | None = None) -> NeuralEstimator:
    """Train an estimator, from the last checkpoint in `folder` if there is one; `monitor` follows the progress.

    The same arguments give the same weights.

    Raises:
        ValueError: `folder` holds the training of something else.
    """
    claim(folder, {"stage": "receiver", "steps": steps, "seed": seed})
    estimator = NeuralEstimator(build_network(seed))
    config = FitConfig(steps=steps, lr=2e-3, warmup=50, averaging=0.99, seed=seed, validate_every=250)
    training = Fit(estimator, config, folder)
    course, radio = Course(estimator), _radio("ls")
    radio.neural = averaged = cast(NeuralEstimator, training.averaged)

    def loss(draws: torch.Generator) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):  # Equalisation needs the precision.
            return course.loss(draws)

    def validate() -> dict[str, float]:
        kinds: tuple[SymbolKind, ...] = ("analog", "qpsk")
        return {f"{kind}_{s:g}db": score(radio, kind, s, 32, COUNT, SEEDS).loss for kind in kinds for s in (0.0, 15.0)}

    training.run(loss, validate, monitor)
    return averaged


def comparison_table(weights: Path | None, images: int) -> Table:
    """Compare receivers over CDL-C 100 ns at 40 m/s with one DMRS a slot, 2x2, on channels that training does not see.

    Args:
        weights: folder of the weights of the estimator. None: the bundled ones.
        images: number of channels.
    """
    receivers = get_args(Csi)
    table = Table("symbols", "Es/N0 [dB]", *receivers)
    radios = [_radio(csi, weights) for csi in receivers]
    kinds: tuple[SymbolKind, ...] = ("analog", "qpsk", "16qam")
    for kind in kinds:
        for es_n0_db in (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0):
            scores = [score(radio, kind, es_n0_db, images, COUNT, SEEDS + 1) for radio in radios]
            second = [f"{s.loss:.2f}" if kind == "analog" else f"{s.bit_error_rate:.4f}" for s in scores]
            cells = [f"{s.squared_error:.3f} / {other}" for s, other in zip(scores, second, strict=True)]
            table.add_row(kind, f"{es_n0_db:g}", *cells)
    table.caption = "squared error of symbols of energy one / analog: negative log-likelihood, else bit error rate"
    return table


def _radio(csi: Csi, weights: Path | None = None) -> Radio:
    """Return the radio of validation and comparison with one kind of channel knowledge."""
    return Radio(
        RadioConfig(
            channel="cdl-c",
            speed_mps=40.0,
            dmrs_additional=0,
            csi=csi,
            neural_weights=weights if csi == "neural" else None,
        )
    )
