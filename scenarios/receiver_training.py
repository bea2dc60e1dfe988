"""`taskwave train receiver`: the neural receiver, trained through the radio it is for, and compared."""

from pathlib import Path
from typing import Annotated, cast, get_args

import torch
import typer
from rich.console import Console
from rich.table import Table

from taskwave.phy.air import Radio, RadioConfig
from taskwave.phy.config import Csi
from taskwave.phy.neural_receiver.estimator import NeuralEstimator
from taskwave.phy.neural_receiver.network import build_network
from taskwave.phy.neural_receiver.scores import Kind, score
from taskwave.phy.neural_receiver.training import SEEDS, Course
from taskwave.phy.neural_receiver.weights import save_estimator
from taskwave.semantic.training.fit import Fit, FitConfig

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
        kinds: tuple[Kind, ...] = ("analog", "qpsk")
        return {f"{kind}_{s:g}db": score(radio, kind, s, 32, COUNT, SEEDS).loss for kind in kinds for s in (0.0, 15.0)}

    training.run(loss, validate, lambda line: print(line, flush=True))
    return averaged


def comparison(weights: Path | None, images: int) -> Table:
    """Receivers over CDL-C 100 ns at 40 m/s with one DMRS a slot, 2x2, on channels that training does not see."""
    receivers = get_args(Csi)
    table = Table("symbols", "Es/N0 [dB]", *receivers)
    radios = [_radio(csi, weights) for csi in receivers]
    kinds: tuple[Kind, ...] = ("analog", "qpsk", "16qam")
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
