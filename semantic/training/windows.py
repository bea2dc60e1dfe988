"""The training of the window code: random windows of images and objects, prompts, numbers of symbols and noise."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from taskwave.semantic.classes import SIGN
from taskwave.semantic.codec.quantiser import SNR_DB, bits, restored, scaled
from taskwave.semantic.codec.windows import ANYTHING, KINDS, NUMBERS, STEPS, Question, WindowCode
from taskwave.semantic.data import open_images
from taskwave.semantic.data.folders import find_folder
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.language.lexicon import naming
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.locator import Wordings
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.perceptual import PerceptualDistance
from taskwave.semantic.training.record import CHECKPOINT
from taskwave.semantic.training.window_pool import Drawn, WindowPool
from taskwave.semantic.training.worth import FADING_DB, measure_worth
from taskwave.semantic.weights import load_network, load_text_encoder
from taskwave.semantic.weights.bundle import HERE as BUNDLED

BATCH = 32
"""Number of windows per step."""
COMPONENTS = 4096
"""Number of windows of which the principal components of a kind are found."""
RANGE_DB = (-6.0, 20.0)
"""Range of the SNR after equalisation and combination of copies, dB."""
FIDELITY = 20.0
"""Weight of the square error of pixels relative to the perceptual distance."""
MEANING = 0.1
"""Weight of the change of what the surrogate takes signs for relative to the perceptual distance."""
DIGITAL = 0.5
"""Share of windows that are quantised, and not sent as they are."""
RATE = 2e-3
"""Weight of the bits of a quantised window, by the square of its step, relative to the perceptual distance.

The error of a quantiser falls by ln 4 / 12 of its squared step for each bit; that, as a part of the square error of
pixels, is worth 1.3e-3, and their looks about half as much again."""
FINE = 0.3
"""Step below which square error and bits of a window count more, as the step is finer: what is read needs fine steps,
whose errors are nothing beside those of coarse ones."""
ASKED = 12
"""Most signs of a step that the surrogate looks at."""
WEIGHED = 120
"""Number of photographs by whose signs the worth of symbols is measured."""


@dataclass(frozen=True)
class Eyes:
    """Holds the networks that say how well windows arrived; none of them judges anything."""

    perceptual: PerceptualDistance
    surrogate: PatchNet
    """Network that takes traffic signs for one of their classes."""

    def meaning(self, shown: torch.Tensor, drawn: Drawn) -> torch.Tensor:
        """Return how much worse signs are recognised than in the original: the mean divergence of the two answers."""
        if not drawn.signs:
            return shown.new_zeros(())
        some = list(drawn.signs.items())[:ASKED]
        theirs, mine = (torch.cat([cut(windows[i], box) for i, box in some]) for windows in (drawn.windows, shown))
        with torch.no_grad():
            target = self.surrogate(theirs).softmax(1)
        lost = functional.kl_div(self.surrogate(mine).log_softmax(1), target, reduction="none").sum(1)
        meant: torch.Tensor = (lost * target.amax(1)).mean()
        return meant


def receive(
    code: WindowCode, symbols: torch.Tensor, drawn: Drawn, snr_db: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Receive a random number of symbols of each window, a message of unit power each; return components and gains.

    The receiver is told the power of a message before it was scaled, rounded up to a decibel; of windows of anything,
    half of the time, it is not, and expects the usual one.

    Args:
        code: the code of the symbols.
        symbols: [B, S] complex64.
        drawn: the windows.
        snr_db: SNR after equalisation [B], dB.
        generator: generator of all draws.
    """
    fading = FADING_DB * torch.randn(symbols.shape, generator=generator)
    variance = 10 ** (-(snr_db[:, None] + fading) / 10)
    white = torch.complex(*(torch.randn(2, *symbols.shape, generator=generator) / 2**0.5))
    allowed = torch.tensor([n for n in NUMBERS if n <= code.most])
    numbers = allowed[torch.randint(len(allowed), (len(symbols),), generator=generator)]
    sent = torch.arange(code.most) < numbers[:, None]
    amplitude = code.amplitude(drawn.kinds)
    shaped = symbols * amplitude
    power = ((shaped.abs().square() * sent).sum(1) / numbers).clamp_min(1e-6)
    # Rounding has no slope, and without one a code would take power for free.
    rounded = (10 ** ((10 * power.log10()).ceil() / 10) / power).detach()
    usual = (amplitude.square() * sent).sum(1) / numbers
    unknown = (drawn.kinds == ANYTHING) & (torch.rand(len(symbols), generator=generator) < 0.5)
    told = torch.where(unknown, power, power * rounded)
    assumed = torch.where(unknown, usual, told)[:, None]
    arrived = shaped / told[:, None].sqrt() + white * variance.sqrt()
    noise = torch.where(sent, variance * assumed, torch.inf)
    return code.received(torch.where(sent, arrived * assumed.sqrt(), 0), noise, drawn.kinds)


def surroundings(windows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return what a receiver may have had of windows before: grey, or a blurred picture of a random resolution."""
    out = []
    for window in windows:
        r = torch.rand(2, generator=generator).tolist()
        if r[0] < 0.4:
            out.append(torch.full_like(window, 0.5))
            continue
        small = (max(1, round(8 * r[1])),) * 2
        coarse = functional.interpolate(window[None], small, mode="bilinear", antialias=True, align_corners=False)
        coarse = coarse + 0.04 * torch.randn(coarse.shape, generator=generator)
        out.append(functional.interpolate(coarse, window.shape[-2:], mode="bicubic", align_corners=False)[0])
    return torch.stack(out).clamp(0, 1)


def train_windows(
    net: WindowCode, fit: Fit, pools: tuple[WindowPool, WindowPool], eyes: Eyes, monitor: Monitor
) -> WindowCode:
    """Train `net` with windows of the first pool, and report how fixed ones of the second arrive.

    Args:
        net: the code, started linearly.
        fit: its training.
        pools: images to train with and of the validation.
        eyes: networks that say how well windows arrived.
        monitor: follower of the progress.
    """
    train, val = pools

    def run(code: WindowCode, drawn: Drawn, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return windows as they arrive, and the loss of the step: fidelity and looks, meaning, and bits."""
        batch = len(drawn.windows)
        digital = torch.rand(batch, generator=generator) < DIGITAL
        step = STEPS[0] * (STEPS[-1] / STEPS[0]) ** torch.rand(batch, generator=generator)
        snr_db = RANGE_DB[0] + (RANGE_DB[1] - RANGE_DB[0]) * torch.rand(batch, generator=generator)
        expected = torch.where(digital, SNR_DB, snr_db + 1.5 * torch.randn(batch, generator=generator))
        question = Question(drawn.embedding, expected, drawn.kinds)
        symbols = code.encode(drawn.windows, question)
        analog = receive(code, symbols, drawn, snr_db, generator)
        values = scaled(code, symbols, step, drawn.kinds)
        rounded = values + (values.round() - values).detach()  # rounding has no slope
        coded = restored(code, rounded, step, drawn.kinds)
        noisy = values + torch.rand(values.shape, generator=generator) - 0.5
        matters = torch.where(digital, (FINE / step).clamp_min(1), 1)
        paid = (digital * matters * step.square() * bits(code, noisy, step, drawn.kinds)).mean()
        components, gains = (
            torch.where(digital[:, None], ours, theirs) for ours, theirs in zip(coded, analog, strict=True)
        )
        shown = code.decode(components, gains, surroundings(drawn.windows, generator), question).float()
        weight = matters[:, None, None, None] * drawn.weight
        error = (weight * (shown - drawn.windows).square()).sum() / (3 * drawn.weight.sum())
        seen = shown.clamp(-0.2, 1.2)
        with torch.autocast(seen.device.type, enabled=False):  # depthwise convolutions are slow in half precision
            looks, meant = eyes.perceptual(seen, drawn.windows, drawn.weight), eyes.meaning(seen, drawn)
        return shown, torch.stack([FIDELITY * error + looks, meant, paid])

    def loss(generator: torch.Generator) -> torch.Tensor:
        similar, meant, paid = run(net, train.draw(BATCH, generator), generator)[1]
        total: torch.Tensor = similar + MEANING * meant + RATE * paid
        return total

    @torch.no_grad()
    def validate() -> dict[str, float]:
        generator, found = torch.Generator().manual_seed(0), dict[str, float]()
        for kind, name in enumerate(KINDS):
            drawn = val.draw(256, generator, kind)
            shown, (similar, meant, paid) = run(fit.averaged, drawn, generator)  # type: ignore[arg-type]
            error = (shown.clamp(0, 1) - drawn.windows).square().mean()
            found |= {
                f"{name}_loss": float(similar),
                f"{name}_paid": float(paid),
                f"{name}_psnr": float(-10 * error.log10()),
            }
            if drawn.signs:
                found[f"{name}_meaning"] = float(meant)
        return found

    return fit.run(loss, validate, monitor)  # type: ignore[return-value]


def pools_of_sets(seed: int, scenes: int) -> tuple[WindowPool, WindowPool]:
    """Return the windows of GTSDB, of its photographs without boxes and of drawn scenes, to train with and to validate.

    Args:
        seed: seed of the wordings.
        scenes: number of drawn scenes.

    Raises:
        FileNotFoundError: images are missing.
    """
    wordings, pools = Wordings(load_text_encoder(), seed + 1), []
    for split, count in (("train", scenes), ("val", min(scenes, 20))):
        scenery, photographs = open_images("streets", split, size=(320, 448)), open_images("gtsdb", split)
        plain = open_images("folder", "train", find_folder("gtsdb", None) / "unlabelled") if split == "train" else None
        pools.append(
            WindowPool(
                [photographs[i] for i in range(len(photographs))],
                [scenery[i] for i in range(count)],
                [] if plain is None else [plain[i] for i in range(len(plain))],
                wordings,
            )
        )
    return pools[0], pools[1]


def eyes_of_training() -> Eyes:
    """Return the networks that say how well windows arrive.

    Raises:
        ModuleNotFoundError: the weights of the perceptual distance are not installed.
    """
    surrogate = load_network(PatchNet, BUNDLED / "surrogate" / "signs").eval().requires_grad_(False)
    return Eyes(PerceptualDistance(), surrogate)


def window_code_from_sets(folder: Path, steps: int, seed: int, scenes: int, monitor: Monitor) -> WindowCode:
    """Train a window code with GTSDB, its signs and its photographs without boxes, and with drawn street scenes.

    Args:
        folder: folder of checkpoint and log.
        steps: number of steps.
        seed: seed of data and weights.
        scenes: number of drawn scenes.
        monitor: follower of the progress.

    Raises:
        FileNotFoundError: images are missing.
        ModuleNotFoundError: the weights of the perceptual distance are not installed.
    """
    torch.manual_seed(seed)
    pools, eyes = pools_of_sets(seed, scenes), eyes_of_training()
    net = WindowCode()
    if not (folder / CHECKPOINT).exists():
        generator = torch.Generator().manual_seed(seed)
        for kind in range(len(KINDS)):
            net.start_linear(pools[0].draw(COMPONENTS, generator, kind).windows, kind)
    config = FitConfig(steps, 1e-3, weight_decay=1e-4, seed=seed, validate_every=1000, averaging=0.999)
    trained = train_windows(net, Fit(net, config, folder), pools, eyes, monitor)
    photographs = open_images("gtsdb", "train")
    chosen = [photographs[i] for i in range(min(WEIGHED, len(photographs)))]
    signs = load_text_encoder().embed([naming((SIGN,))])
    worth = measure_worth(trained, eyes.surrogate, chosen, signs, monitor)
    trained.worth.copy_(worth.of_symbols)
    trained.step_worth.copy_(worth.of_steps)
    return trained
