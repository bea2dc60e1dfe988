"""The text encoder, which embeds prompts: the bundled one, or any pretrained one mapped onto the space of the bundled.

The map is linear, found by ridge regression on phrasings of the lexicon.
"""

import itertools
import json
import re
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.language.lexicon import COLUMNS, Meaning, canonical, check_prompt, normalise, parse, phrase

RIDGE = 3e-2
"""Penalty of the ridge regression relative to the mean variance of the features."""
_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
"""Form of a Hugging Face id."""
_UNUSED = ("pooler.", "vision_model.", "visual_projection.", "logit_scale")
"""Prefixes of weights that may be absent or left over: the embedding does not depend on them."""


@dataclass(frozen=True)
class LinearMap:
    """Computes y = x @ weight + bias."""

    weight: torch.Tensor
    """Matrix [d, 128], float32."""
    bias: torch.Tensor
    """Offset [128], float32."""

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Map features [B, d] float32 to [B, 128]."""
        return features @ self.weight + self.bias


def alignment_meanings() -> list[Meaning]:
    """Return the 693 meanings that the map is fitted on.

    They are all sets of one to three classes, each three times, with the sets of columns in turn.
    """
    column_sets = [COLUMNS, *(c for size in (1, 2, 3) for c in itertools.combinations(COLUMNS, size))]
    subsets = [s for size in (1, 2, 3) for s in itertools.combinations(range(NUM_CLASSES), size)]
    return [
        Meaning(subset, column_sets[(i + 3 * turn) % len(column_sets)])
        for turn in range(3)
        for i, subset in enumerate(subsets)
    ]


def fit_linear_map(features: torch.Tensor, goals: torch.Tensor) -> tuple[LinearMap, float]:
    """Fit `goals` [n, 128] to `features` [n, d] by ridge regression; every fifth row is held out.

    Returns:
        The map, and the mean cosine of mapped and goal embeddings on the held-out rows.
    """
    held_out = torch.arange(len(features)) % 5 == 4
    x, y = features[~held_out].double(), goals[~held_out].double()
    x_mean, y_mean = x.mean(0), y.mean(0)
    x = x - x_mean
    gram = x.T @ x
    penalty = RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    weight = torch.linalg.solve(gram + penalty, x.T @ (y - y_mean))
    linear = LinearMap(weight.float(), (y_mean - x_mean @ weight).float())
    cosine = functional.cosine_similarity(linear(features[held_out]), goals[held_out], dim=-1)
    return linear, float(cosine.mean())


class TextEncoder:
    """Embeds prompts as vectors of length one; `load` creates it.

    Attributes:
        model: network in transformers format, in evaluation mode.
        tokenizer: tokenizer of `model`.
        bundled: True for the encoder that comes with the project.
        source: folder or Hugging Face id from which the encoder was loaded.
        fit_cosine: for a foreign encoder, the mean cosine between its mapped embeddings and the bundled ones on
            phrasings that the map was not fitted on (1 is perfect); None for the bundled encoder.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, bundled: bool, source: str) -> None:
        self.model = model.requires_grad_(False)
        self.model.train(False)
        self.tokenizer = tokenizer
        self.bundled = bundled
        self.source = source
        self.fit_cosine: float | None = None
        self._map: LinearMap | None = None

    @classmethod
    def load(cls, path_or_id: str | Path | None = None) -> "TextEncoder":
        """Load the bundled encoder (None), or a pretrained one in transformers format by folder or Hugging Face id.

        `CLIPTextModel`, `CLIPTextModelWithProjection` and whole CLIP checkpoints give their pooled text output, any
        other text encoder (BERT, MiniLM, MPNet …) the mean over its tokens. A foreign encoder then gets a linear
        map, fitted on phrasings of the lexicon, onto the space that the attention network was trained on. A folder
        never touches the network. Only safetensors weights are read.

        Raises:
            FileNotFoundError: there is no such folder.
            OSError: the id cannot be reached, or the weights file is damaged.
            ValueError: the model is not a text encoder, or its checkpoint lacks weights.
        """
        if path_or_id is None:
            with as_file(files("taskwave.semantic").joinpath("weights/text")) as folder:
                return cls._bundled(folder)
        source, local = _resolve(path_or_id)
        encoder = cls(_load_model(source, local), _load_tokenizer(source, local), bundled=False, source=source)
        encoder._align(cls.load())
        return encoder

    @classmethod
    def _bundled(cls, folder: Path) -> "TextEncoder":
        model = _guarded(CLIPTextModelWithProjection, str(folder), True)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        return cls(model, tokenizer, bundled=True, source=str(folder))

    @torch.no_grad()
    def embed(self, prompts: list[str]) -> torch.Tensor:
        """Return the embeddings of prompts, [B, 128] float32 of unit length.

        Raises:
            ValueError: a prompt is empty, too long or in another script, or, with the bundled encoder, names no known
                class (see `lexicon.parse`). A foreign encoder may embed such a prompt in a useful way.
        """
        for prompt in prompts:
            if self.bundled:
                parse(prompt)
            else:
                check_prompt(prompt)
        features = self._features(prompts)
        return functional.normalize(features if self._map is None else self._map(features), dim=-1)

    def _features(self, prompts: list[str]) -> torch.Tensor:
        texts = [normalise(prompt) for prompt in prompts] if self.bundled else prompts
        tokens = self.tokenizer(texts, padding=True, return_tensors="pt")
        longest, allowed = tokens.input_ids.shape[1], self.tokenizer.model_max_length
        if longest > allowed:
            raise ValueError(
                f"a prompt has {longest} tokens (special ones included); at most {allowed} fit the text encoder "
                f"{self.source}. Shorten it."
            )
        output = self.model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        if isinstance(self.model, CLIPTextModelWithProjection):
            return torch.as_tensor(output.text_embeds).float()
        if isinstance(self.model, CLIPTextModel):
            return torch.as_tensor(output.pooler_output).float()
        mask = tokens.attention_mask[..., None].float()
        return torch.as_tensor((output.last_hidden_state.float() * mask).sum(1) / mask.sum(1))

    @torch.no_grad()
    def _align(self, bundled: "TextEncoder") -> None:
        meanings = alignment_meanings()
        generator = torch.Generator().manual_seed(1)
        texts = [canonical(m) if i % 3 == 0 else phrase(m, generator) for i, m in enumerate(meanings)]
        batches = [texts[i : i + 64] for i in range(0, len(texts), 64)]
        features = torch.cat([self._features(batch) for batch in batches])
        goals = torch.cat([bundled.embed(batch) for batch in batches])
        self._map, self.fit_cosine = fit_linear_map(features, goals)


def _resolve(path_or_id: str | Path) -> tuple[str, bool]:
    """Return the source, and True where it is a local folder."""
    path = Path(path_or_id).expanduser()
    if path.is_dir():
        return str(path), True
    if isinstance(path_or_id, Path) or not _HUB_ID.fullmatch(path_or_id):
        raise FileNotFoundError(
            f"text encoder {path_or_id}: no such folder. Give the folder of a saved transformers model "
            "(config.json, model.safetensors, tokenizer files) or a Hugging Face id such as 'owner/name'."
        )
    return path_or_id, False


def _load_model(source: str, local: bool) -> PreTrainedModel:
    try:
        config = AutoConfig.from_pretrained(source, local_files_only=local)
    except (OSError, ValueError, json.JSONDecodeError) as error:
        raise _unreadable(source, local, error) from error
    if config.model_type in ("clip", "clip_text_model"):
        projected = "CLIPTextModel" not in (config.architectures or [])
        return _guarded(CLIPTextModelWithProjection if projected else CLIPTextModel, source, local)
    if config.is_encoder_decoder or not hasattr(config, "vocab_size"):
        raise ValueError(
            f"text encoder {source}: a '{config.model_type}' model is not a text encoder. "
            "Give a CLIP text model or an encoder such as BERT, MPNet or MiniLM."
        )
    return _guarded(AutoModel, source, local)


def _guarded(kind: Any, source: str, local: bool) -> PreTrainedModel:
    """Call `kind.from_pretrained` in single precision; refuse damaged, incomplete and pickled checkpoints."""
    try:
        model, report = kind.from_pretrained(
            source, local_files_only=local, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    except SafetensorError as error:
        raise OSError(
            f"text encoder {source}: the weights file is truncated or damaged ({error}). Copy or train it again."
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(source, local, error) from error
    missing = sorted(k for k in report["missing_keys"] if not k.startswith(_UNUSED))
    if missing:
        raise ValueError(
            f"text encoder {source}: the checkpoint lacks {len(missing)} weights of its architecture, "
            f"first '{missing[0]}'. Its config.json and weights do not belong together."
        )
    return cast(PreTrainedModel, model)


def _load_tokenizer(source: str, local: bool) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(source, local, error) from error
    if tokenizer.pad_token is None:
        raise ValueError(f"text encoder {source}: its tokenizer has no padding token. Set one and save it again.")
    return cast(PreTrainedTokenizerBase, tokenizer)


def _unreadable(source: str, local: bool, error: Exception) -> OSError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    remedy = (
        "The folder needs config.json, model.safetensors and the tokenizer's files as transformers saves them."
        if local
        else "No such folder is here, and it could not be read as a Hugging Face id: check name and network."
    )
    return OSError(f"text encoder {source}: {reason} {remedy}")
