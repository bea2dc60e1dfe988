"""The training of the text encoder, with its tokenizer: equal meanings get near embeddings, other ones distant ones."""

import hashlib
import itertools
import re
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, PreTrainedTokenizerFast

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.language.lexicon import COLUMNS, Column, Meaning, canonical, parse, phrase
from taskwave.semantic.language.vocabulary import APOSTROPHES, PAUSES, vocabulary
from taskwave.semantic.training.fit import Fit, FitConfig
from taskwave.semantic.training.monitor import Monitor
from taskwave.semantic.training.record import claim
from taskwave.semantic.weights import check_target, quiet_libraries

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
"""Special tokens of the tokenizer."""
MAX_TOKENS = 64
"""Number of tokens of the longest sequence of the bundled text encoder, `<bos>` and `<eos>` included."""
BATCH = 48
"""Number of meanings per step, each in two wordings."""
TEMPERATURE = 0.07
"""Temperature of the contrastive loss."""
NONSENSE = "qxz"
"""Word that represents all words outside the lexicon."""
COLUMN_SETS: tuple[tuple[Column, ...], ...] = tuple(
    s for size in range(1, len(COLUMNS) + 1) for s in itertools.combinations(COLUMNS, size)
)
"""All seven sets of columns."""


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Build the tokenizer, whose ids follow the sorted words of the lexicon; unknown words become `<unk>`.

    Its normaliser does what `vocabulary.normalise` does, so that the saved file works on raw text by itself.
    """
    words = [PAD, UNKNOWN, BEGIN, END, *sorted(vocabulary().words)]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(f"[{re.escape(APOSTROPHES)}]"), ""),
            normalizers.Replace(Regex(f"[{re.escape(PAUSES)}]"), ","),
            normalizers.Replace(Regex(r"[^\p{L}\p{N},]+"), " "),
            normalizers.Replace(Regex(r"[ ,]*,[ ,]*"), " , "),
            normalizers.Replace(Regex(r"^[ ,]+|[ ,]+$"), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(t, words.index(t)) for t in (BEGIN, END)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_max_length=MAX_TOKENS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        bos_token=BEGIN,
        eos_token=END,
    )


def split_templates() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sentence templates of training and those of validation, which are every fifth."""
    templates = vocabulary().templates
    held_out = templates[4::5]
    return tuple(t for t in templates if t not in held_out), held_out


def draw_meaning(generator: torch.Generator) -> Meaning:
    """Draw a meaning: mostly one to three classes, sometimes a named group; anywhere in at least two cases of five."""

    def below(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    groups = [g for g in vocabulary().nouns if len(g) > 1]
    if below(8) == 0:
        classes = groups[below(len(groups))]
    else:
        size = (1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 1 + below(NUM_CLASSES))[below(16)]
        classes = tuple(sorted(torch.randperm(NUM_CLASSES, generator=generator)[:size].tolist()))
    return Meaning(classes, COLUMNS if below(5) < 2 else COLUMN_SETS[below(len(COLUMN_SETS))])


def neighbour(meaning: Meaning, generator: torch.Generator) -> Meaning:
    """Draw a meaning that differs in one step: one class more or less, or other columns."""
    if torch.rand((), generator=generator) < 0.4:
        return Meaning(meaning.classes, COLUMN_SETS[int(torch.randint(len(COLUMN_SETS), (), generator=generator))])
    classes = set(meaning.classes) ^ {int(torch.randint(NUM_CLASSES, (), generator=generator))}
    return Meaning(tuple(sorted(classes)) or meaning.classes, meaning.columns)


def sprinkle(text: str, generator: torch.Generator) -> str:
    """Insert up to four filler or unknown words into `text` where they do not change its meaning."""
    fillers = vocabulary().fillers
    words = text.split()
    for _ in range(int(torch.randint(1, 5, (), generator=generator))):
        pick = int(torch.randint(int(1.5 * len(fillers)), (), generator=generator))
        position = int(torch.randint(len(words) + 1, (), generator=generator))
        words.insert(position, fillers[pick] if pick < len(fillers) else NONSENSE)
    longer = " ".join(words)
    try:
        return longer if parse(longer) == parse(text) else text
    except ValueError:  # too long now, or a phrase such as "no idea" was torn apart
        return text


class TextTrainer(nn.Module):
    """Joins the encoder and the heads that only its training uses."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.encoder = CLIPTextModelWithProjection(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=128,
                intermediate_size=256,
                projection_dim=128,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=MAX_TOKENS,
                hidden_act="gelu",
                pad_token_id=tokenizer.pad_token_id,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )
        )
        self.head = nn.Linear(128, NUM_CLASSES + len(COLUMNS))
        nn.init.normal_(self.head.weight, std=1.0)

    def forward(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return embeddings [B, 128] of unit length and logits [B, 14] of classes and columns."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        halves = (
            order[: len(order) // 2],
            order[len(order) // 2 :],
        )  # separate batches of short and long texts need less padding
        embeds = torch.cat([self._embed([texts[i] for i in half]) for half in halves if half])
        embeds = embeds[torch.tensor(order).argsort().to(embeds.device)]
        return embeds, self.head(embeds)

    def _embed(self, texts: list[str]) -> torch.Tensor:
        tokens = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(self.head.weight.device)
        embeds = self.encoder(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask).text_embeds
        return functional.normalize(embeds.float(), dim=-1)


def targets(meanings: list[Meaning]) -> torch.Tensor:
    """Return classes and columns of meanings as multi-hot vectors, [B, 14] float."""
    rows = [[c in m.classes for c in range(NUM_CLASSES)] + [c in m.columns for c in COLUMNS] for m in meanings]
    return torch.tensor(rows, dtype=torch.float32)


def contrastive(first: torch.Tensor, second: torch.Tensor, meanings: list[Meaning]) -> torch.Tensor:
    """Return the InfoNCE loss (van den Oord et al. 2018) in both directions.

    `first` and `second` are embeddings [B, 128] of two wordings of each of `meanings`. Equal meanings in the batch are
    no negatives.
    """
    logits = first.float() @ second.float().T / TEMPERATURE
    same = torch.tensor([[a == b for b in meanings] for a in meanings], device=logits.device)
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, -1e4)
    goal = torch.arange(len(meanings), device=logits.device)
    return (functional.cross_entropy(logits, goal) + functional.cross_entropy(logits.T, goal)) / 2


@dataclass(frozen=True)
class TextPlan:
    """Says how the text encoder is trained."""

    steps: int = 1500
    """Number of training steps."""
    seed: int = 0
    """Seed of the initial weights and of the prompts."""
    lr: float = 1.5e-3
    """Largest learning rate."""


def train_text_encoder(
    out: Path, folder: Path, plan: TextPlan, device: str = "cpu", monitor: Monitor | None = None
) -> dict[str, float]:
    """Train the text encoder, save it with its tokenizer in `out`, and return validation metrics.

    The encoder is saved in half precision, in transformers format. Checkpoints and the log are written to `folder`; an
    interrupted run continues from there. Training takes about three minutes on one idle core.

    Returns:
        Metrics on sentence templates that are not used in training: `classes_exact` and `columns_exact` are the shares
        of prompts whose multi-hot prediction is right in every entry, `retrieval_top1` is the share of prompts for
        which the nearest of about 1000 canonical prompts has the same meaning.

    Raises:
        ValueError: `out` is not empty, or `folder` holds the training of something else.
        OSError: `folder` or `out` cannot be written.
    """
    check_target(out)
    words = files("taskwave.semantic.language").joinpath("lexicon.toml").read_bytes()
    lexicon = hashlib.sha256(words).hexdigest()[:16]
    claim(folder, {"stage": "text", "steps": plan.steps, "seed": plan.seed, "lr": plan.lr, "lexicon": lexicon})
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)  # transformers initialises weights from the global generator only
        trainer = TextTrainer(build_tokenizer())
    fit = Fit(trainer, FitConfig(steps=plan.steps, lr=plan.lr, seed=plan.seed), folder, device)
    templates, held_out = split_templates()

    def loss(generator: torch.Generator) -> torch.Tensor:
        meanings = [draw_meaning(generator) for _ in range(BATCH // 2)]
        meanings += [neighbour(m, generator) for m in meanings]
        texts = [phrase(m, generator, templates) for _ in range(2) for m in meanings]
        texts = [sprinkle(t, generator) if torch.rand((), generator=generator) < 0.4 else t for t in texts]
        embeds, logits = trainer(texts)
        heads = functional.binary_cross_entropy_with_logits(logits.float(), targets(meanings * 2).to(logits.device))
        return contrastive(embeds[:BATCH], embeds[BATCH:], meanings) + heads

    generator = torch.Generator().manual_seed(12345)
    pool = list(dict.fromkeys(draw_meaning(generator) for _ in range(1500)))[:1000]
    queries = [phrase(m, generator, held_out) for m in pool]

    def validate() -> dict[str, float]:
        return evaluate(fit.averaged, pool, queries)  # type: ignore[arg-type]

    fit.run(loss, validate, monitor)
    metrics = validate()
    _save(fit.averaged, out.absolute())  # type: ignore[arg-type]
    return metrics


def _save(trainer: TextTrainer, out: Path) -> None:
    """Write encoder and tokenizer beside their place and put them there whole."""
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with quiet_libraries():
            trainer.encoder.half().save_pretrained(partial)  # type: ignore[no-untyped-call]
            trainer.tokenizer.save_pretrained(partial)
        partial.replace(out)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(f"{out} cannot be written ({error}): free space there or name another folder") from error


@torch.no_grad()
def evaluate(trainer: TextTrainer, pool: list[Meaning], queries: list[str]) -> dict[str, float]:
    """Return the metrics of `train_text_encoder` on one query per meaning of `pool`."""
    embeds, logits = trainer(queries)
    right = (logits > 0) == targets(pool).to(logits.device).bool()
    anchors, _ = trainer([canonical(m) for m in pool])
    nearest = (embeds @ anchors.T).argmax(dim=1).cpu()
    return {
        "classes_exact": float(right[:, :NUM_CLASSES].all(dim=1).float().mean()),
        "columns_exact": float(right[:, NUM_CLASSES:].all(dim=1).float().mean()),
        "retrieval_top1": float((nearest == torch.arange(len(pool))).float().mean()),
    }
