"""The worth of what is sent of a window: how well signs are recognised by a number of symbols, or by a quantiser."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from taskwave.semantic.codec.placement import Window, around
from taskwave.semantic.codec.quantiser import SNR_DB as QUANTISED_DB
from taskwave.semantic.codec.quantiser import restored, scaled
from taskwave.semantic.codec.windows import NUMBERS, SIGNS, SNR_DB, STEPS, Question, WindowCode
from taskwave.semantic.data import Sample
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.training.monitor import Monitor

FADING_DB = 3.0
"""Standard deviation of the SNR of a symbol around that of its message, dB."""
TIMES = 2
"""Number of receptions of every sign as symbols."""


@dataclass(frozen=True)
class Worth:
    """Holds the worth of all that can be sent of a window, 0…1."""

    of_symbols: torch.Tensor
    """Worth of a window for each number of symbols and SNR, [len(`NUMBERS`), len(`SNR_DB`)] float32."""
    of_steps: torch.Tensor
    """Worth of a window for each step of the quantiser, [len(`STEPS`)] float32."""


@torch.no_grad()
def measure_worth(
    code: WindowCode, surrogate: PatchNet, samples: Sequence[Sample], prompt: torch.Tensor, monitor: Monitor
) -> Worth:
    """Measure how well signs are recognised as they arrive.

    It is the agreement of a surrogate's answers on them with those on the originals, which is the sum of the smaller of
    the two probabilities, by the share of the variance of the window's pixels that is right: what is read, and not only
    recognised, needs that.

    Args:
        code: the code.
        surrogate: network that takes traffic signs for one of their classes.
        samples: photographs with signs.
        prompt: embedding [1, E] of a prompt for signs.
        monitor: follower of the progress.
    """
    symbols, steps, count = torch.zeros(len(NUMBERS), len(SNR_DB)), torch.zeros(len(STEPS)), 0
    generator = torch.Generator().manual_seed(0)
    monitor.begin("worth", len(samples))
    for done, sample in enumerate(samples, start=1):
        image = sample.image[None].float() / 255
        for box in [] if sample.objects is None else sample.objects.boxes.tolist():
            count += 1
            (window, *_) = around(tuple(box), (image.shape[-2], image.shape[-1]))
            sign = _Sign(code, surrogate, prompt, image, torch.tensor([box]), window)
            symbols += sign.by_symbols(generator)
            steps += sign.by_steps()
        monitor.advance(done)
    monitor.end()
    return Worth(symbols / max(1, count), steps / max(1, count))


@dataclass(frozen=True)
class _Sign:
    """Holds a sign that is sent in many ways."""

    code: WindowCode
    surrogate: PatchNet
    prompt: torch.Tensor
    image: torch.Tensor
    """Photograph [1, 3, H, W] float32 in [0, 1]."""
    box: torch.Tensor
    """Edges of the sign [1, 4] in pixels: left, upper, right and lower one."""
    window: Window

    @cached_property
    def _target(self) -> torch.Tensor:
        """Answer of the surrogate on the original, probabilities [1, K]."""
        answer: torch.Tensor = self.surrogate(cut(self.image[0], self.box)).softmax(1)
        return answer

    def by_symbols(self, generator: torch.Generator) -> torch.Tensor:
        """Return the worth [`NUMBERS`, `SNR_DB`] as so many symbols at so much noise, zero for those there are not."""
        snr_db = torch.tensor(SNR_DB).repeat(TIMES)
        question, rows = self._question(snr_db), []
        symbols = self.code.encode(self._windows(len(snr_db)), question) * self.code.amplitude(question.kinds)
        for number in NUMBERS:
            if number > self.code.most:
                rows.append(torch.zeros(len(SNR_DB)))
                continue
            sent = symbols[:, :number]
            fading = snr_db[:, None] + FADING_DB * torch.randn(sent.shape, generator=generator)
            noise = sent.abs().square().mean(1, keepdim=True) * 10 ** (-fading / 10)
            white = torch.complex(*torch.randn(2, *sent.shape, generator=generator)) / 2**0.5
            known = self.code.received(sent + white * noise.sqrt(), noise, question.kinds)
            rows.append(self._worth(known, question).unflatten(0, (TIMES, -1)).mean(0))
        return torch.stack(rows)

    def by_steps(self) -> torch.Tensor:
        """Return the worth [`STEPS`] as quantised components."""
        steps = torch.tensor(STEPS)
        question = self._question(torch.full_like(steps, QUANTISED_DB))
        symbols = self.code.encode(self._windows(len(steps)), question)
        indices = scaled(self.code, symbols, steps, question.kinds).round()
        return self._worth(restored(self.code, indices, steps, question.kinds), question)

    def _question(self, snr_db: torch.Tensor) -> Question:
        return Question(self.prompt.expand(len(snr_db), -1), snr_db, torch.full((len(snr_db),), SIGNS))

    def _windows(self, count: int) -> torch.Tensor:
        return self.window.cut(self.image).expand(count, -1, -1, -1)

    def _worth(self, known: tuple[torch.Tensor, torch.Tensor], question: Question) -> torch.Tensor:
        """Return the worth [B] of components and gains [B, 2 S]."""
        grey = torch.full_like(self.image, 0.5).expand(len(question.kinds), -1, -1, -1)
        shown = self.code.decode(*known, self.window.cut(grey), question).clamp(0, 1)
        pictures, there = self.window.paste(grey, shown), self._windows(len(shown))
        answers = self.surrogate(torch.cat([cut(picture, self.box) for picture in pictures])).softmax(1)
        variance = there.var((1, 2, 3), correction=0).clamp_min(1e-6)
        right = (1 - (shown - there).square().mean((1, 2, 3)) / variance).clamp_min(0)
        agreement: torch.Tensor = answers.minimum(self._target).sum(1) * right
        return agreement
