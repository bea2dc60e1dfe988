"""The bundled text encoder, and other text encoders in its place."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    PreTrainedModel,
    T5Config,
    T5Model,
)

from taskwave.semantic.classes import NAMES
from taskwave.semantic.language.lexicon import Meaning, canonical, normalise, phrase
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.language.vocabulary import vocabulary
from taskwave.semantic.training.text import (
    MAX_TOKENS,
    TextPlan,
    build_tokenizer,
    draw_meaning,
    split_templates,
    train_text_encoder,
)


@pytest.fixture(scope="module")
def bundled() -> TextEncoder:
    return TextEncoder.load()


def save(model: PreTrainedModel, folder: Path) -> Path:
    """Save a foreign model with the tokenizer of the project, which serves as well as any other."""
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return folder


def bert(folder: Path, layers: int = 1) -> Path:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(build_tokenizer()),
        hidden_size=256,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
    )
    return save(BertModel(config), folder)


def clip_config() -> CLIPTextConfig:
    tokenizer = build_tokenizer()
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=64,
        projection_dim=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=MAX_TOKENS,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def test_tokenizer_normalises_like_the_parser() -> None:
    tokenizer = build_tokenizer()
    for text in ("Façades;;  LEFT-hand side, what’s up?!", "...cars, , the `road`", "ｃars\n& trees", "汽车 car"):
        assert tokenizer(text).input_ids == tokenizer(normalise(text)).input_ids
        known = [w if w in tokenizer.get_vocab() else "<unk>" for w in normalise(text).replace(",", " ,").split()]
        assert tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids) == ["<bos>", *known, "<eos>"]


def test_bundled_files_fit_the_lexicon(bundled: TextEncoder) -> None:
    assert bundled.tokenizer.get_vocab() == build_tokenizer().get_vocab(), "train the text encoder again"
    assert bundled.fit_cosine is None
    assert sum(f.stat().st_size for f in Path(bundled.source).iterdir()) < 2_000_000


def test_embeddings_are_unit_vectors_whatever_the_batch(bundled: TextEncoder) -> None:
    texts = ["cars on the left", "Could you please show me the people on bikes in the middle of the picture?"]
    together = bundled.embed(texts)
    assert together.shape == (2, 128)
    assert together.dtype == torch.float32
    assert torch.allclose(together.norm(dim=-1), torch.ones(2), atol=1e-5)
    assert torch.allclose(bundled.embed(texts[:1]), together[:1], atol=1e-5)
    assert torch.allclose(bundled.embed(["CARS, on the left!"])[0], together[0], atol=0.1)


def test_held_out_phrasings_find_their_meaning(bundled: TextEncoder) -> None:
    generator = torch.Generator().manual_seed(77)
    meanings = list(dict.fromkeys(draw_meaning(generator) for _ in range(400)))[:250]
    _, held_out = split_templates()
    queries = bundled.embed([phrase(m, generator, held_out) for m in meanings])
    nearest = (queries @ bundled.embed([canonical(m) for m in meanings]).T).argmax(1)
    right = int((nearest == torch.arange(len(meanings))).sum())
    assert right >= 0.9 * len(meanings)


@pytest.mark.parametrize("name", NAMES)
def test_every_synonym_is_near_its_class(bundled: TextEncoder, name: str) -> None:
    nouns = vocabulary().nouns[(NAMES.index(name),)]
    texts = [f"show me the {form}" for noun in nouns for form in (noun.singular, noun.plural)]
    anchors = bundled.embed([canonical(Meaning((c,))) for c in range(len(NAMES))])
    found = (bundled.embed(texts) @ anchors.T).argmax(1)
    wrong = {t for t, c in zip(texts, found.tolist(), strict=True) if NAMES[c] != name}
    assert wrong <= {"show me the street"}, "only the slip that the model card names is known"


def test_prompts_the_lexicon_cannot_read_are_refused(bundled: TextEncoder) -> None:
    for text in ("", "pedestrains", "汽车", "car " * 80, "except the cars"):
        with pytest.raises(ValueError, match="prompt"):
            bundled.embed(["cars", text])
    with pytest.raises(ValueError, match="at most 64 fit"):
        bundled.embed(["a " * 80 + "car"])


def test_a_bert_takes_its_place(tmp_path: Path, bundled: TextEncoder) -> None:
    encoder = TextEncoder.load(bert(tmp_path))
    assert encoder.fit_cosine is not None
    assert 0.6 < encoder.fit_cosine < 1
    texts = ["cars on the left", "pedestrians and bicyclists", "trees on the right", "road"]
    embeds = encoder.embed(texts)
    assert torch.allclose(embeds.norm(dim=-1), torch.ones(4), atol=1e-5)
    assert (embeds @ bundled.embed(texts).T).argmax(1).tolist() == [0, 1, 2, 3]
    assert encoder.embed(["words beyond the lexicon"]).shape == (1, 128)


@pytest.mark.parametrize(("kind", "width"), [(CLIPTextModel, 64), (CLIPTextModelWithProjection, 48)])
def test_a_clip_takes_its_place(tmp_path: Path, kind: type[PreTrainedModel], width: int) -> None:
    torch.manual_seed(1)
    encoder = TextEncoder.load(str(save(kind(clip_config()), tmp_path)))
    assert type(encoder.model) is kind
    assert encoder._map is not None
    assert encoder._map.weight.shape == (width, 128)
    assert encoder.embed(["cars"]).shape == (1, 128)


def test_the_bundled_weights_as_a_foreign_encoder_fit_well(bundled: TextEncoder) -> None:
    encoder = TextEncoder.load(Path(bundled.source))
    assert encoder.fit_cosine is not None
    assert encoder.fit_cosine > 0.97


def test_missing_and_damaged_folders_end_in_one_clear_error(tmp_path: Path) -> None:
    for missing in (tmp_path / "none", str(tmp_path / "none"), "./none"):
        with pytest.raises(FileNotFoundError, match="no such folder"):
            TextEncoder.load(missing)
    with pytest.raises(OSError, match=r"config\.json"):
        TextEncoder.load(tmp_path)
    whole = bert(tmp_path / "whole")
    cut = shutil.copytree(whole, tmp_path / "cut") / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1000])
    with pytest.raises(OSError, match="truncated or damaged"):
        TextEncoder.load(cut.parent)


def test_wrong_architectures_are_refused(tmp_path: Path) -> None:
    small = T5Config(vocab_size=100, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    with pytest.raises(ValueError, match="not a text encoder"):
        TextEncoder.load(save(T5Model(small), tmp_path / "t5"))
    whole = bert(tmp_path / "bert")
    config = json.loads((whole / "config.json").read_text())
    (whole / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    with pytest.raises(ValueError, match=r"lacks \d+ weights"):
        TextEncoder.load(whole)


@pytest.mark.slow
def test_training_runs_resumes_and_repeats(tmp_path: Path) -> None:
    def run(name: str, times: int) -> torch.Tensor:
        for time in range(times):
            out = tmp_path / f"{name}-{time}"
            metrics = train_text_encoder(out, tmp_path / f"{name}-run", TextPlan(steps=2))
        assert set(metrics) == {"classes_exact", "columns_exact", "retrieval_top1"}
        return CLIPTextModelWithProjection.from_pretrained(out).text_projection.weight

    assert torch.equal(run("once", 1), run("twice", 2))
