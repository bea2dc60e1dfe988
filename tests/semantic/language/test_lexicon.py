"""Meanings of prompts in free wording, wordings of meanings, and prompts that are refused."""

import pytest
import torch

from taskwave.semantic.classes import NAMES
from taskwave.semantic.language.lexicon import (
    COLUMNS,
    Meaning,
    canonical,
    parse,
    phrase,
    unknown_words,
)
from taskwave.semantic.language.vocabulary import normalise, regular_plural, vocabulary
from taskwave.semantic.training.text import draw_meaning, sprinkle


def meaning(names: str, *columns: str) -> Meaning:
    classes = tuple(sorted(NAMES.index(name) for name in names.split()))
    return Meaning(classes, tuple(c for c in COLUMNS if c in columns) or COLUMNS)


FREE_WORDING = {
    "Cars on the left": meaning("car", "left"),
    "I can't see the façades; left-hand side?": meaning("building", "left"),
    "Where exactly are the people riding bicycles?": meaning("bicyclist"),
    "is that a person on a bike, or just a person": meaning("pedestrian bicyclist"),
    "LORRIES AND TAXIS, STRAIGHT AHEAD!!!": meaning("car", "centre"),
    "what about the kids crossing the street on the right": meaning("pedestrian", "right"),
    "more detail on the road": meaning("road"),
    "cars on the road": meaning("car"),
    "cars and the road": meaning("road car"),
    "people on the pavement and on the road": meaning("pedestrian road"),
    "vulnerable road users in the middle or at the right edge": meaning("pedestrian bicyclist", "centre", "right"),
    "road users": meaning("car pedestrian bicyclist"),
    "street furniture on both sides": meaning("pole sign fence", "left", "right"),
    "road, signs": meaning("road sign"),
    "road signs": meaning("sign"),
    "show me cars right now": meaning("car"),
    "cars on the right now": meaning("car", "right"),
    "any street lights or traffic lights?": meaning("pole sign"),
    "trees everywhere": meaning("tree"),
    "the kerb, left of centre": meaning("pavement", "left", "centre"),
    "everything": Meaning(tuple(range(11))),
    "i'm not sure about the hedges": meaning("tree"),
    "drivable surface": meaning("road"),
}


@pytest.mark.parametrize("text", FREE_WORDING)
def test_free_wording_is_understood(text: str) -> None:
    assert parse(text) == FREE_WORDING[text]
    assert unknown_words(text) == {}


def test_paraphrases_and_canonical_wording_give_the_meaning_back() -> None:
    generator = torch.Generator().manual_seed(3)
    for _ in range(1500):
        wanted = draw_meaning(generator)
        text = phrase(wanted, generator)
        assert parse(text) == wanted, text
        assert unknown_words(text) == {}, text
        assert parse(canonical(wanted)) == wanted
        assert parse(sprinkle(text, generator)) == wanted


def test_paraphrases_vary_and_repeat_with_the_seed() -> None:
    wanted = meaning("car", "left")
    first = [phrase(wanted, torch.Generator().manual_seed(seed)) for seed in range(60)]
    assert first == [phrase(wanted, torch.Generator().manual_seed(seed)) for seed in range(60)]
    assert len(set(first)) > 55


def test_every_template_and_noun_is_read_as_meant() -> None:
    lexicon = vocabulary()
    for template in lexicon.templates:
        text = template.format(x="cars", where="on the left")
        assert parse(text) == meaning("car", "left"), text
    for classes, nouns in lexicon.nouns.items():
        for noun in nouns:
            assert parse(noun.singular).classes == classes
            assert parse(f"what about the {noun.plural}?").classes == classes
    for columns, phrases in lexicon.column_phrases.items():
        for where in phrases:
            assert parse(f"cars {where}").columns == columns, where


def test_canonical_wording() -> None:
    assert canonical(meaning("bicyclist pedestrian", "left")) == "pedestrians and bicyclists on the left"
    assert canonical(meaning("road car sign")) == "road, signs and cars"
    assert canonical(Meaning(tuple(range(11)))) == "everything"


def test_unknown_words_are_reported_with_their_nearest() -> None:
    unknown = unknown_words("purple trees near the pedestrains 汽车")
    assert list(unknown) == ["purple", "pedestrains", "汽车"]
    assert "pedestrians" in unknown["pedestrains"]
    assert unknown["汽车"] == ()
    assert parse("purple trees") == meaning("tree")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("car " * 2500, "10000 characters"),
        ("c" * 257, "257 characters"),
        ("汽车在左边", "no Latin letters"),
        ("машины слева", "no Latin letters"),
        ("123 ?!", "no Latin letters"),
        ("pedestrains", "nearest known: pedestrians"),
        ("on the left please", "names no known class"),
        ("everything except the sky", "'except' is not understood"),
        ("cars but no bikes", "'no' is not understood"),
    ],
)
def test_bad_prompts_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse(text)
    assert len(str(caught.value)) < 400
    with pytest.raises(ValueError, match=reason):
        parse(text)  # an error is not remembered as an answer


@pytest.mark.parametrize(
    ("classes", "columns"),
    [((), COLUMNS), ((1, 0), COLUMNS), ((1, 1), COLUMNS), ((11,), COLUMNS), ((1,), ()), ((1,), ("right", "left"))],
)
def test_meanings_are_checked(classes: tuple[int, ...], columns: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="of a meaning"):
        Meaning(classes, columns)  # type: ignore[arg-type]


def test_normalise_and_plurals() -> None:
    assert normalise("  Façades;;  LEFT-hand side, what’s up?! ") == "facades, left hand side, whats up"
    assert [regular_plural(w) for w in ("lorry", "bus", "bush", "lamp post", "bay")] == [
        "lorries",
        "buses",
        "bushes",
        "lamp posts",
        "bays",
    ]
