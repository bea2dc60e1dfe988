"""The window code, which maps rectangles of an image to complex symbols for a prompt, and back.

A window is any rectangle of an image, reduced or enlarged to 32x32 pixels: a traffic sign, a person, a part of the
street, or the whole image, which is the general representation. The code is an analog joint source-channel code
(Bourtsoulatze et al. 2019, DeepJSCC). Its symbols come in order of worth, so that any number of them may be sent. It
starts as a linear map for each kind of window, of signs their principal components (Karhunen-Loève), and learns a
residual around it. What is asked decides which map is used, and the networks are told the prompt (feature-wise linear
modulation, Perez et al. 2018): what is sent depends on the question, not only where.

The same components are sent by digital links, quantised: to the decoder a quantiser is one more kind of noise.
"""

from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from scipy.fft import dct
from torch import nn
from torch.nn import functional

SIDE = 32
"""Pixels per side of a window as it is coded."""
KINDS = ("signs", "anything")
"""Kinds of windows, each with a linear map of its own."""
SIGNS, ANYTHING = range(2)
NUMBERS = (16, 32, 48, 64, 96, 128, 192, 256)
"""Numbers of symbols that may be sent of an object."""
STEPS = tuple(0.9 * 3 ** (-i / 2) for i in range(6))
"""Steps of the quantiser of components that may be sent of a window, the coarsest first; each divides every second one
before it by an odd number, so that a finer index says the coarser one."""
SNR_DB = (-8.0, -4.0, 0.0, 4.0, 8.0, 12.0, 16.0, 20.0)
"""SNRs after equalisation and combination of copies for which the worth of a window is known, dB."""
_LIGHT, _COLOUR = 26, 9
"""Lowest frequencies that are kept of lightness and of both colours, in each direction."""
_VALUES = _LIGHT**2 + 2 * _COLOUR**2
_OPPONENT = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
"""Lightness and two colours, of the three primaries."""


Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def zeroed(layer: Layer) -> Layer:
    """Set the last layer of a residual to zero, so that the residual starts at zero, and return it."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(cast(torch.Tensor, layer.bias))
    return layer


@dataclass(frozen=True)
class Question:
    """Says what B windows are sent for."""

    embedding: torch.Tensor
    """Embeddings of the prompts [B, E], unit vectors; zeros where nothing was asked."""
    snr_db: torch.Tensor
    """[B] float32, SNR after equalisation that is expected, dB."""
    kinds: torch.Tensor
    """Index into `KINDS` of each window, [B] int64."""

    def select(self, rows: slice) -> "Question":
        """Return the question about some of the windows."""
        return Question(self.embedding[rows], self.snr_db[rows], self.kinds[rows])

    def features(self) -> torch.Tensor:
        """Return all of it as features [B, E + 1 + 2] of about unit size."""
        scaled = self.embedding * self.embedding.shape[1] ** 0.5
        kinds = functional.one_hot(self.kinds, len(KINDS)).to(scaled)
        return torch.cat([scaled, (self.snr_db / 10)[:, None], kinds], dim=1)


class ModulatedBlock(nn.Module):
    """Computes x + conv(silu(modulated conv(silu(x)))): a condition scales and shifts each channel in between.

    It starts as the identity.
    """

    def __init__(self, width: int, conditions: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = zeroed(nn.Conv2d(width, width, 3, padding=1))
        self.modulation = zeroed(nn.Linear(conditions, 2 * width))

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Map features [B, width, h, w], given conditions [B, conditions], to features of the same shape."""
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        inner = self.first(functional.silu(x)) * (1 + scale) + shift
        return x + cast(torch.Tensor, self.second(functional.silu(inner)))


class WindowCode(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Encodes windows to complex symbols and decodes whatever arrives of them.

    Encoder and decoder are trained together over random noise and random numbers of symbols. Windows are
    [B, 3, 32, 32] in [0, 1]; symbols are [B, S] complex, S = `symbols`, the worthiest first.

    Args:
        symbols: most complex symbols of a window.
        widths: channels of the networks at 2, 4 and 8 pixels.
        embedding: length of the prompt embeddings.
    """

    @register_to_config
    def __init__(self, symbols: int = 256, widths: tuple[int, int, int] = (32, 56, 72), embedding: int = 128) -> None:
        super().__init__()
        reals, conditions, (fine, mid, deep) = 2 * symbols, 64, widths
        self.ask = nn.Sequential(
            nn.Linear(embedding + 2 + len(KINDS), conditions), nn.SiLU(), nn.Linear(conditions, conditions)
        )

        def blocks(width: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(ModulatedBlock(width, conditions) for _ in range(count))

        self.enter = nn.ModuleList([nn.Conv2d(12, fine, 3, padding=1), _half(fine, mid), _half(mid, deep)])
        self.look = nn.ModuleList([blocks(fine, 1), blocks(mid, 1), blocks(deep, 1)])
        self.to_symbols = nn.Sequential(nn.SiLU(), nn.Conv2d(deep, 16, 1), nn.Flatten(), zeroed(nn.Linear(256, reals)))
        self.inject = nn.Linear(2 * reals, 256)
        self.down = nn.ModuleList([nn.Conv2d(24, fine, 3, padding=1), _half(fine, mid), _half(mid, deep)])
        self.join = nn.ModuleList(
            [nn.Conv2d(deep + 16, deep, 1), nn.Conv2d(deep + mid, mid, 1), nn.Conv2d(mid + fine, fine, 1)]
        )
        self.before = nn.ModuleList([blocks(fine, 1), blocks(mid, 1), blocks(deep, 1)])
        self.after = nn.ModuleList([blocks(deep, 2), blocks(mid, 2), blocks(fine, 2)])
        self.to_pixels = nn.Sequential(nn.SiLU(), zeroed(nn.Conv2d(fine, 12, 3, padding=1)))
        self.basis: torch.Tensor
        self.register_buffer("basis", torch.zeros(reals, _VALUES))
        # Frequencies of windows of anything, in order of their power.
        self.order: torch.Tensor
        self.register_buffer("order", torch.arange(reals).float())
        self.mean: torch.Tensor
        self.register_buffer("mean", torch.zeros(len(KINDS), _VALUES))
        self.deviation: torch.Tensor
        self.register_buffer("deviation", torch.ones(len(KINDS), reals))
        # Logarithm of the mean distance of components from zero, by which digital links code them.
        self.spread = nn.Parameter(torch.zeros(len(KINDS), reals))
        # How well an object is recognised by a number of symbols and an SNR (`NUMBERS`, `SNR_DB`), and by a step.
        self.worth: torch.Tensor
        self.register_buffer("worth", torch.zeros(len(NUMBERS), len(SNR_DB)))
        self.step_worth: torch.Tensor
        self.register_buffer("step_worth", torch.zeros(len(STEPS)))
        self._dct: torch.Tensor
        self.register_buffer("_dct", torch.from_numpy(dct(np.eye(SIDE, dtype=np.float32), axis=0, norm="ortho")), False)

    @torch.no_grad()
    def start_linear(self, windows: torch.Tensor, kind: int) -> None:
        """Set the linear map of a kind by `windows` [N, 3, 32, 32].

        It is their principal components for signs. For anything it is the frequencies of most power, which are nearly
        principal components of windows that look alike everywhere.
        """
        values = self._values(windows).double()
        mean, reals = values.mean(0), self.deviation.shape[1]
        if kind == ANYTHING:
            power, order = values.var(0).topk(reals)
            self.order.copy_(order)
        else:
            power, basis = torch.linalg.eigh(torch.cov((values - mean).T))
            power = power[-reals:].flip(0)
            self.basis.copy_(basis[:, -reals:].flip(1).T)
        self.mean[kind], self.deviation[kind] = mean.float(), power.clamp_min(1e-9).sqrt().float()
        self.spread[kind] = (self.deviation[kind] / 2**0.5).log()

    def unasked(self, snr_db: torch.Tensor) -> Question:
        """Return the question about windows of anything for which nothing was asked, at SNRs [B] in dB."""
        nothing = torch.zeros(len(snr_db), int(self.config.embedding))
        return Question(nothing, snr_db, torch.full((len(snr_db),), ANYTHING))

    @property
    def most(self) -> int:
        """Most complex symbols of a window."""
        return int(self.config.symbols)

    def amplitude(self, kinds: torch.Tensor) -> torch.Tensor:
        """Return the amplitudes [B, S] that symbols of kinds [B] are sent with.

        A component of standard deviation s is sent with power proportional to s, which minimises the error of linear
        analog coding (Lee and Petersen 1976). The mean power of all symbols is one.
        """
        power = self.deviation[kinds].unflatten(1, (-1, 2)).mean(2)
        amplitude: torch.Tensor = (power / power.mean(1, keepdim=True)).sqrt()
        return amplitude

    def encode(self, windows: torch.Tensor, question: Question) -> torch.Tensor:
        """Encode windows [B, 3, 32, 32] as complex64 symbols [B, S] of about unit power each."""
        condition = self.ask(functional.pad(question.features(), (0, 1)))  # how much is lost, a decoder alone knows
        x = functional.pixel_unshuffle(windows * 2 - 1, 2)
        for enter, blocks in zip(self.enter, self.look, strict=True):
            x = enter(x)
            for block in cast(nn.ModuleList, blocks):
                x = block(x, condition)
        linear = self._components(self._values(windows) - self.mean[question.kinds], question.kinds)
        strength = self.amplitude(question.kinds).repeat_interleave(2, dim=1)
        # What is worth more has larger numbers within the networks, in both directions.
        reals = linear / self.deviation[question.kinds] + self.to_symbols(x).float() / strength
        pairs = (reals / 2**0.5).unflatten(1, (-1, 2))
        return torch.complex(pairs[..., 0], pairs[..., 1])

    def received(
        self, values: torch.Tensor, noise: torch.Tensor, kinds: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Estimate the components from `values` and `noise` [B, n] of the first n symbols, as they were sent.

        Returns:
            Components and their gains as `decode` takes them; zeros for what was not received.
        """
        amplitude, missing = self.amplitude(kinds)[:, : values.shape[1]], 2 * (self.most - values.shape[1])
        gain = 1 / (1 + noise / amplitude.square())
        components = components_of(values / amplitude * gain)
        return functional.pad(components, (0, missing)), functional.pad(gain.repeat_interleave(2, dim=1), (0, missing))

    def decode(
        self, components: torch.Tensor, gains: torch.Tensor, around: torch.Tensor, question: Question
    ) -> torch.Tensor:
        """Decode estimated components to windows [B, 3, 32, 32], about in [0, 1], not clipped.

        Args:
            components: the components of each window, [B, 2 S], of unit power where they are known exactly.
            gains: share of the power of each that is known, same shape, zero where nothing was received.
            around: what the receiver has at the place of each window so far, [B, 3, 32, 32] in [0, 1]; grey where it
                has nothing.
            question: what was asked.
        """
        kinds = question.kinds
        deviation = self.deviation[kinds]
        linear = self._pixels(self.mean[kinds] + self._sum(components * deviation, kinds))
        lost = ((1 - gains) * deviation.square()).sum(1, keepdim=True) / deviation.square().sum(1, keepdim=True)
        condition = self.ask(torch.cat([question.features(), lost], dim=1))
        strength = self.amplitude(kinds).repeat_interleave(2, dim=1)
        x, kept = torch.cat([linear, around], dim=1) * 2 - 1, list[torch.Tensor]()
        x = functional.pixel_unshuffle(x, 2)
        for enter, blocks in zip(self.down, self.before, strict=True):
            x = enter(x)
            for block in cast(nn.ModuleList, blocks):
                x = block(x, condition)
            kept.append(x)
        x = self.inject(torch.cat([components * strength, gains], dim=1)).unflatten(1, (16, 4, 4))
        for join, blocks, same in zip(self.join, self.after, reversed(kept), strict=True):
            if x.shape[-1] != same.shape[-1]:
                x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = join(torch.cat([same, x], dim=1))
            for block in cast(nn.ModuleList, blocks):
                x = block(x, condition)
        return linear + functional.pixel_shuffle(self.to_pixels(x), 2)

    def _components(self, values: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        """Return the components [B, 2 S] of frequencies [B, V] of windows of kinds [B]."""
        return torch.where((kinds == SIGNS)[:, None], values @ self.basis.T, values[:, self.order.long()])

    def _sum(self, components: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        """Return the frequencies [B, V] that components [B, 2 S] of windows of kinds [B] add up to."""
        kept = components.new_zeros(len(components), _VALUES).index_copy(1, self.order.long(), components)
        return torch.where((kinds == SIGNS)[:, None], components @ self.basis, kept)

    def _values(self, windows: torch.Tensor) -> torch.Tensor:
        """Return the kept frequencies [B, V] of windows [B, 3, 32, 32]."""
        opponent = functional.normalize(_OPPONENT.to(windows), dim=1)
        planes = torch.einsum("oc,bchw->bohw", opponent.float(), windows.float())
        spectrum = torch.einsum("uh,bohw,vw->bouv", self._dct, planes, self._dct)
        light, colour = spectrum[:, :1, :_LIGHT, :_LIGHT], spectrum[:, 1:, :_COLOUR, :_COLOUR]
        return torch.cat([light.flatten(1), colour.flatten(1)], dim=1)

    def _pixels(self, values: torch.Tensor) -> torch.Tensor:
        """Return the windows [B, 3, 32, 32] of kept frequencies [B, V]."""
        spectrum = values.new_zeros(len(values), 3, SIDE, SIDE)
        spectrum[:, :1, :_LIGHT, :_LIGHT] = values[:, : _LIGHT**2].unflatten(1, (1, _LIGHT, _LIGHT))
        spectrum[:, 1:, :_COLOUR, :_COLOUR] = values[:, _LIGHT**2 :].unflatten(1, (2, _COLOUR, _COLOUR))
        planes = torch.einsum("uh,bouv,vw->bohw", self._dct, spectrum, self._dct)
        return torch.einsum("oc,bohw->bchw", functional.normalize(_OPPONENT.to(planes), dim=1), planes)


def components_of(symbols: torch.Tensor) -> torch.Tensor:
    """Return the components [B, 2 n] of unit power that complex symbols [B, n] of unit power carry, two each."""
    return torch.view_as_real(symbols).flatten(1) * 2**0.5


def _half(num_in: int, num_out: int) -> nn.Conv2d:
    """Return a convolution that halves both sides."""
    return nn.Conv2d(num_in, num_out, 2, 2)
