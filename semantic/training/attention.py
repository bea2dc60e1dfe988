"""The training of the attention with random prompts and the true positions of the things they name."""

import torch
from torch import nn
from torch.nn import functional

from taskwave.semantic.attention.prompt import PromptAttention
from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.codec.analog import scene
from taskwave.semantic.codec.latents import TOKEN, LatentCodec
from taskwave.semantic.language.lexicon import COLUMNS, Meaning, column_slices, phrase
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.training.analog import SIZE, ZOOM
from taskwave.semantic.training.fit import TrainingRun

PROMPTS_PER_IMAGE = 8
"""Number of prompts drawn for each image of a batch."""


def draw_meaning(generator: torch.Generator) -> Meaning:
    """Draw one to three classes (mostly one), anywhere in half of the cases, else in one or two columns."""

    def below(limit: int) -> int:
        return int(torch.randint(limit, (), generator=generator))

    count = (1, 1, 1, 2, 2, 3)[below(6)]
    classes = sorted(torch.randperm(NUM_CLASSES, generator=generator)[:count].tolist())
    columns = COLUMNS
    if below(2):
        wanted = torch.randperm(3, generator=generator)[: 1 + below(2)].tolist()
        columns = tuple(c for i, c in enumerate(COLUMNS) if i in wanted)
    return Meaning(tuple(classes), columns)


class PromptBank:
    """Holds many paraphrases of random meanings as embeddings, with the classes and columns that they mean."""

    def __init__(self, encoder: TextEncoder, count: int, grid_width: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        meanings = [draw_meaning(generator) for _ in range(count)]
        texts = [phrase(meaning, generator) for meaning in meanings]
        self.embeddings = torch.cat([encoder.embed(texts[i : i + 256]) for i in range(0, count, 256)])
        self.classes = torch.zeros(count, NUM_CLASSES)
        self.columns = torch.zeros(count, grid_width)
        slices = column_slices(grid_width)
        for i, meaning in enumerate(meanings):
            self.classes[i, list(meaning.classes)] = 1
            for column in meaning.columns:
                self.columns[i, slices[column]] = 1

    def targets(self, shares: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Return the share of each token that is meant by the prompts of `index` [B, P], as [B, P, h, w].

        `shares` [B, 11, h, w] are the class shares of the tokens.
        """
        named = torch.einsum("bpc,bchw->bphw", self.classes[index].to(shares), shares)
        return named * self.columns[index].to(shares)[:, :, None, :]


def token_shares(labels: torch.Tensor) -> torch.Tensor:
    """Return the share of each class in each token, [B, 11, H/8, W/8], of labels [B, H, W].

    Ignored pixels count for no class.
    """
    onehot = torch.stack([(labels == c).float() for c in range(NUM_CLASSES)], dim=1)
    return functional.avg_pool2d(onehot, TOKEN)


def train_attention(
    model: PromptAttention,
    codec: LatentCodec,
    task_network: nn.Module,
    encoder: TextEncoder,
    run: TrainingRun,
) -> PromptAttention:
    """Train `model` with `codec`, `task_network` and the text encoder `encoder` fixed.

    The validation reports the soft IoU of relevance and truth, with prompts that are not used in training.
    """
    pool, val, batch = run.pool, run.val, run.batch
    task_network.eval().requires_grad_(False)
    fit = run.fit(model.to(memory_format=torch.channels_last))
    bank = PromptBank(encoder, 6000, SIZE[1] // TOKEN, seed=run.config.seed + 1)
    width = val.images[0].shape[-1]
    fresh = PromptBank(encoder, len(val) * PROMPTS_PER_IMAGE, width // TOKEN, seed=run.config.seed + 2)

    def forward(net: nn.Module, images: torch.Tensor, bank: PromptBank, index: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            scenes = scene(codec.encode(images).float(), task_network(images))
        return net(scenes, bank.embeddings[index].to(scenes.device)).float()  # type: ignore[no-any-return]

    def loss(generator: torch.Generator) -> torch.Tensor:
        drawn = pool.draw(batch, SIZE, generator, ZOOM)
        index = torch.randint(len(bank.embeddings), (batch, PROMPTS_PER_IMAGE), generator=generator)
        relevance = forward(model, drawn.images, bank, index)
        target = bank.targets(token_shares(drawn.labels), index)
        # A pole counts as much as a road in the overlap, which is relative to the size of the thing.
        shared, either = (relevance * target).sum((2, 3)), (relevance.square() + target.square()).sum((2, 3))
        overlap = (2 * shared + 1) / (either + 1)
        inside = relevance.clamp(1e-4, 1 - 1e-4)
        return 1 - overlap.mean() - (target * inside.log() + (1 - target) * (1 - inside).log()).mean()

    @torch.no_grad()
    def validate() -> dict[str, float]:
        overlap = total = torch.zeros(())
        for start in range(0, len(val), 16):
            which = torch.arange(start, min(start + 16, len(val)))
            whole = val.whole(which.tolist())
            index = which[:, None] * PROMPTS_PER_IMAGE + torch.arange(PROMPTS_PER_IMAGE)
            relevance = forward(fit.averaged, whole.images, fresh, index)
            target = fresh.targets(token_shares(whole.labels), index)
            overlap = overlap + relevance.minimum(target).sum()
            total = total + relevance.maximum(target).sum()
        return {"soft_iou": float(overlap / total)}

    return fit.run(loss, validate, run.monitor)  # type: ignore[return-value]
