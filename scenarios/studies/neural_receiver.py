"""The neural receiver: symbols of every kind over moving channels to train it on, its scores, and the comparison."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import torch
import typer
from rich.console import Console
from rich.table import Table

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.config.radio import Csi, RadioConfig
from taskwave.phy.links.open_loop import SymbolReception
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.neural.estimator import NeuralEstimator
from taskwave.phy.receiver.neural.network import build_network, save_estimator
from taskwave.phy.seeds import generator
from taskwave.semantic.training.fit import Fit, FitConfig

SymbolKind = Literal["analog", "qpsk", "16qam", "64qam"]
KINDS: tuple[SymbolKind, ...] = ("analog", "qpsk", "16qam", "64qam")
_ORDERS: dict[SymbolKind, int] = {"qpsk": 2, "16qam": 4, "64qam": 6}


@dataclass(frozen=True)
class ReceptionScore:
    """Means over symbols, given that their energy is one."""

    loss: float
    """See `log_likelihood_loss`."""
    squared_error: float
    """Of the posterior mean: 1 if nothing is known."""
    bit_error_rate: float
    """Of hard decisions without a code; NaN for analog symbols."""


def draw_symbols(kind: SymbolKind, batch: int, count: int, seed: torch.Generator) -> torch.Tensor:
    """[batch, count] complex64 of mean energy one: Gaussian, as analog codes send them, or QAM."""
    if kind == "analog":
        return torch.randn((batch, count), dtype=torch.complex64, generator=seed)
    order = _ORDERS[kind]
    return _modulation(order).map(torch.randint(2, (batch, count * order), generator=seed))


def log_likelihood_loss(reception: SymbolReception, sent: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of the sent symbols, up to a constant, after a Gaussian prior of energy one.

    Without the prior a receiver would gain by bias: symbols of zero and noise of one beat the truth at low SNR.
    """
    mean, variance = _posterior(reception)
    return (variance.log() + (mean - sent).abs().square() / variance).mean()


@torch.no_grad()
def score(radio: Radio, kind: SymbolKind, es_n0_db: float, images: int, count: int, seed: int) -> ReceptionScore:
    """Of messages of `count` symbols over `images` channels."""
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
    trust = 1 / (1 + reception.noise_variance)
    return trust * reception.symbols, trust * reception.noise_variance


@cache
def _modulation(order: int) -> Modulation:
    return Modulation(order)


CHANNELS = ("cdl-a", "cdl-c", "cdl-d", "tdl-b")
DELAY_SPREADS_NS = (30.0, 100.0, 180.0)
SPEEDS_MPS = (1.0, 20.0, 40.0, 60.0)
"""At 3.5 GHz and 30 kHz: Doppler shifts of up to 0.025 of the subcarrier spacing."""
ES_N0_DB = (-5.0, 25.0)
NUM_SYMBOLS = (40, 1200)
"""Of a message; their logarithm is uniform."""
BATCH = 16
SEEDS = 2**31
"""Those of channels and noise are smaller."""


class Course:
    """Draws random receptions over random radios. Each radio is built when it first occurs."""

    def __init__(self, estimator: NeuralEstimator) -> None:
        self.estimator = estimator
        self._radios: dict[tuple[int, ...], Radio] = {}

    def loss(self, draws: torch.Generator) -> torch.Tensor:
        """Loss of one batch: a radio, an SNR, a size and a kind of symbols, all random."""

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


COUNT = 384
"""Symbols of a message: the general part of an image."""


def train_receiver(
    out: Annotated[Path, typer.Argument(help="Folder for the weights.")],
    steps: Annotated[int, typer.Option(help="Training steps.")] = 4000,
    seed: Annotated[int, typer.Option(help="Seed of data and weights.")] = 0,
    folder: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs/train/receiver"),
    images: Annotated[int, typer.Option(help="Channels of the comparison at the end.")] = 256,
) -> None:
    """Train the channel estimator of csi = "neural" (needs the extra tensorflow, which computes on the processor)."""
    save_estimator(fit(steps, seed, folder), out)
    Console().print(comparison(out, images))


def fit(steps: int, seed: int, folder: Path) -> NeuralEstimator:
    """Train an estimator, from the last checkpoint in `folder` if there is one. Same arguments, same weights."""
    estimator = NeuralEstimator(build_network(seed))
    config = FitConfig(steps=steps, lr=2e-3, warmup=50, averaging=0.99, seed=seed, validate_every=250)
    training = Fit(estimator, config, folder)
    course, radio = Course(estimator), _radio("ls")
    radio.neural = averaged = cast(NeuralEstimator, training.averaged)

    def loss(draws: torch.Generator) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):  # equalisation needs the precision
            return course.loss(draws)

    def validate() -> dict[str, float]:
        kinds: tuple[SymbolKind, ...] = ("analog", "qpsk")
        return {f"{kind}_{s:g}db": score(radio, kind, s, 32, COUNT, SEEDS).loss for kind in kinds for s in (0.0, 15.0)}

    training.run(loss, validate, lambda line: print(line, flush=True))
    return averaged


def comparison(weights: Path | None, images: int) -> Table:
    """Receivers over CDL-C 100 ns at 40 m/s with one DMRS a slot, 2x2, on channels that training does not see."""
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
    return Radio(
        RadioConfig(
            channel="cdl-c",
            speed_mps=40.0,
            dmrs_additional=0,
            csi=csi,
            neural_weights=weights if csi == "neural" else None,
        )
    )
