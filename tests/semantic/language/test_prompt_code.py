"""The code of prompts as bits for the feedback link."""

from collections import Counter
from itertools import pairwise

import pytest
import torch

from taskwave.semantic.language.lexicon import MAX_CHARACTERS, Meaning, canonical, normalise, phrase
from taskwave.semantic.language.prompt_code import code_table, decode, encode, huffman
from taskwave.semantic.training.text import draw_meaning


@pytest.mark.parametrize(
    "text",
    ["cars on the left", "Road, signs!", "purple lorries", "汽车 and cars", "xyzzy", "ａ façade—left", "a" * 255],
)
def test_text_comes_back_normalised(text: str) -> None:
    assert decode(encode(text)) == normalise(text)


def test_paraphrases_come_back_padded_and_as_tensors() -> None:
    generator = torch.Generator().manual_seed(5)
    texts = [phrase(draw_meaning(generator), generator) for _ in range(100)]
    for text in texts:
        padded = torch.tensor(encode(text) + [0] * 20, dtype=torch.uint8)
        assert decode(padded) == normalise(text)


def test_demands_are_short() -> None:
    """The phrase book has 1617 sentences: a number takes 11 bits, and one more bit announces it."""
    for classes in ((8,), (2, 6), (0, 3, 10)):
        assert len(encode(canonical(Meaning(classes, ("left", "centre"))))) == 12
    assert len(encode("cars to the left")) <= 40
    assert len(encode("show me the automobiles on the left-hand side, please")) < 100


def test_code_is_a_complete_prefix_code() -> None:
    codes = sorted(code_table().values())
    assert not any(after.startswith(before) for before, after in pairwise(codes))
    assert sum(2.0 ** -len(code) for code in codes) == 1.0


def test_huffman_is_optimal_for_a_known_source() -> None:
    lengths = {s: len(c) for s, c in huffman(Counter(a=8, b=4, c=2, d=1, e=1)).items()}
    assert lengths == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 4}


@pytest.mark.parametrize(("text", "reason"), [("é" * 200 + "汽" * 100, "bytes"), ("?!", "no words"), ("", "no words")])
def test_what_cannot_be_sent_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        encode(text)


def test_damaged_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="there is none of number"):
        decode([1] * 12)
    bits = encode("cars to the left")
    with pytest.raises(ValueError, match="cut off"):
        decode(bits[:-1])
    escape = [int(b) for b in code_table()["<escape>"]]
    with pytest.raises(ValueError, match="not UTF-8"):
        decode([0, *escape, *[0] * 7, 1, *[1] * 8, *encode("xyz")])


def test_longest_prompts_fit_if_plain() -> None:
    assert decode(encode("cars " * 51)) == normalise("cars " * 51)
    assert len("cars " * 51) <= MAX_CHARACTERS
