"""How well a receiver knows the symbols that were sent."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch

from taskwave.phy.air import AirInterface, Radio
from taskwave.phy.modulation import Modulation
from taskwave.phy.seeds import generator
from taskwave.phy.symbol_link import SymbolLink, SymbolReception

Kind = Literal["analog", "qpsk", "16qam", "64qam"]
KINDS: tuple[Kind, ...] = ("analog", "qpsk", "16qam", "64qam")
_ORDERS: dict[Kind, int] = {"qpsk": 2, "16qam": 4, "64qam": 6}


@dataclass(frozen=True)
class Score:
    """Means over symbols, given that their energy is one."""

    loss: float
    """See `log_likelihood_loss`."""
    squared_error: float
    """Of the posterior mean: 1 if nothing is known."""
    bit_error_rate: float
    """Of hard decisions without a code; NaN for analog symbols."""


def draw_symbols(kind: Kind, batch: int, count: int, seed: torch.Generator) -> torch.Tensor:
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
def score(radio: Radio, kind: Kind, es_n0_db: float, images: int, count: int, seed: int) -> Score:
    """Of messages of `count` symbols over `images` channels."""
    sent = draw_symbols(kind, images, count, generator(seed))
    reception = SymbolLink(radio).send(
        sent, AirInterface(radio, radio.draw(images, 1, seed), es_n0_db, seed).forward(0)
    )
    loss, (mean, _) = log_likelihood_loss(reception, sent), _posterior(reception)
    errors = float("nan")
    if kind != "analog":
        modulation = _modulation(_ORDERS[kind])
        decided = modulation.llr(reception.symbols, reception.noise_variance) > 0
        truth = modulation.llr(sent, torch.ones_like(reception.noise_variance)) > 0
        errors = float((decided != truth).float().mean())
    return Score(float(loss), float((mean - sent).abs().square().mean()), errors)


def _posterior(reception: SymbolReception) -> tuple[torch.Tensor, torch.Tensor]:
    trust = 1 / (1 + reception.noise_variance)
    return trust * reception.symbols, trust * reception.noise_variance


@cache
def _modulation(order: int) -> Modulation:
    return Modulation(order)
