"""The worth of symbols: how well signs are recognised, by how many symbols of a window are sent and how strongly."""

from collections.abc import Sequence

import torch

from taskwave.semantic.codec.placement import around
from taskwave.semantic.codec.windows import NUMBERS, SIGNS, SNR_DB, Question, WindowCode
from taskwave.semantic.data import Sample
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.training.monitor import Monitor

FADING_DB = 3.0
"""Standard deviation of the SNR of a symbol around that of its message, dB."""
TIMES = 2
"""Number of receptions of every sign."""


@torch.no_grad()
def measure_worth(
    code: WindowCode, surrogate: PatchNet, samples: Sequence[Sample], prompt: torch.Tensor, monitor: Monitor
) -> torch.Tensor:
    """Return the mean agreement of a surrogate's answers on signs as they arrive with those on the originals.

    The agreement of two answers is the sum of the smaller of their probabilities.

    Args:
        code: the code.
        surrogate: network that takes traffic signs for one of their classes.
        samples: photographs with signs.
        prompt: embedding [1, E] of a prompt for signs.
        monitor: follower of the progress.

    Returns:
        [`NUMBERS`, `SNR_DB`].
    """
    total, count, batch = torch.zeros(len(NUMBERS), len(SNR_DB)), 0, len(SNR_DB) * TIMES
    generator, snr_db = torch.Generator().manual_seed(0), torch.tensor(SNR_DB).repeat(TIMES)
    question = Question(prompt.expand(batch, -1), snr_db, torch.full((batch,), SIGNS))
    amplitude = code.amplitude(question.kinds)
    monitor.begin("worth", len(samples))
    for done, sample in enumerate(samples, start=1):
        image = sample.image[None].float() / 255
        grey = torch.full_like(image, 0.5).expand(batch, -1, -1, -1)
        for box in [] if sample.objects is None else sample.objects.boxes.tolist():
            target = surrogate(cut(image[0], torch.tensor([box]))).softmax(1)
            count += TIMES
            (window, *_) = around(tuple(box), (image.shape[-2], image.shape[-1]))
            symbols = code.encode(window.cut(image).expand(batch, -1, -1, -1), question) * amplitude
            for j, number in enumerate(NUMBERS):
                if number > code.most:
                    continue
                sent = symbols[:, :number]
                fading = snr_db[:, None] + FADING_DB * torch.randn(sent.shape, generator=generator)
                noise = sent.abs().square().mean(1, keepdim=True) * 10 ** (-fading / 10)
                white = torch.complex(*torch.randn(2, *sent.shape, generator=generator)) / 2**0.5
                known = code.received(sent + white * noise.sqrt(), noise, question.kinds)
                shown = window.paste(grey, code.decode(*known, window.cut(grey), question).clamp(0, 1))
                answers = surrogate(torch.cat([cut(picture, torch.tensor([box])) for picture in shown])).softmax(1)
                total[j] += answers.minimum(target).sum(1).unflatten(0, (TIMES, -1)).sum(0)
        monitor.advance(done)
    monitor.end()
    return total / max(1, count)
