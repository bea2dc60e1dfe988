"""The meaning of textual prompts, read from their wording and put into words, by the lexicon of the project."""

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

import torch

from taskwave.semantic.classes import NAMES, NUM_CLASSES
from taskwave.semantic.language.vocabulary import COLUMNS, Column, Entry, Noun, normalise, vocabulary

__all__ = [
    "COLUMNS",
    "MAX_CHARACTERS",
    "Column",
    "Meaning",
    "canonical",
    "check_prompt",
    "normalise",
    "parse",
    "phrase",
    "unknown_words",
]

T = TypeVar("T")

MAX_CHARACTERS = 256
"""Number of characters of the longest prompt accepted."""


@dataclass(frozen=True)
class Meaning:
    """Holds the content of a prompt: classes, and the columns (thirds of the width) in which they matter."""

    classes: tuple[int, ...]
    """Class ids, ascending, at least one."""
    columns: tuple[Column, ...] = COLUMNS
    """Columns in the order of `COLUMNS`, at least one; all three mean anywhere."""

    def __post_init__(self) -> None:
        if not self.classes or list(self.classes) != sorted(set(self.classes) & set(range(NUM_CLASSES))):
            raise ValueError(
                f"classes {self.classes} of a meaning: need ids of 0…{NUM_CLASSES - 1}, ascending, at least one."
            )
        if not self.columns or self.columns != tuple(c for c in COLUMNS if c in self.columns):
            raise ValueError(f"columns {self.columns} of a meaning: need at least one of {COLUMNS}, in that order.")


def check_prompt(text: str) -> None:
    """Check that a prompt can be read at all.

    Raises:
        ValueError: the prompt is empty, longer than `MAX_CHARACTERS` or has no Latin letter.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"prompt of {len(text)} characters ('{text[:40]}…'): at most {MAX_CHARACTERS} are allowed. Shorten it."
        )
    if not text.strip():
        raise ValueError("the prompt is empty. Name at least one class, for example 'cars on the left'.")
    if not any(c.isalpha() and "LATIN" in unicodedata.name(c, "") for c in text):
        raise ValueError(
            f"prompt '{text}' has no Latin letters; prompts are in English. For example: 'cars on the left'."
        )


@dataclass
class _Reading:
    """Holds what the lexicon matches in a text."""

    classes: set[int] = field(default_factory=set)
    """Ids of the classes named."""
    columns: set[Column] = field(default_factory=set)
    """Columns named."""
    unmatched: list[str] = field(default_factory=list)
    """Words outside every phrase of the lexicon."""
    negations: list[str] = field(default_factory=list)
    """Phrases that negate."""


def _read(text: str) -> _Reading:
    """Match the phrases of the lexicon from left to right, the longest one first."""
    lexicon = vocabulary()
    words = lexicon.content(text)
    joining = {c.split()[-1] for c in lexicon.conjunctions}
    reading = _Reading()
    start = 0
    while start < len(words):
        for end in range(min(len(words), start + lexicon.longest), start, -1):
            entry = lexicon.phrases.get(words[start:end])
            if entry is None:
                continue
            if entry.role == "context" and (not reading.classes or words[start - 1] in joining):
                continue  # a setting needs something named before it; without that its words are read one by one
            _take(reading, entry, words[start:end])
            start = end
            break
        else:
            reading.unmatched.append(words[start])
            start += 1
    return reading


def _take(reading: _Reading, entry: Entry, words: tuple[str, ...]) -> None:
    reading.classes.update(entry.classes)
    reading.columns.update(entry.columns)
    if entry.role == "negation":
        reading.negations.append(" ".join(words))


def _nearest(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    telling = [" ".join(p) for p, e in vocabulary().phrases.items() if e.role in ("thing", "column")]
    return {word: tuple(difflib.get_close_matches(word, telling, n=3, cutoff=0.75)) for word in dict.fromkeys(words)}


def unknown_words(text: str) -> dict[str, tuple[str, ...]]:
    """Return the words of `text` that `parse` cannot use, each with up to three similar class or column words.

    Raises:
        ValueError: as in `check_prompt`.
    """
    check_prompt(text)
    return _nearest(_read(text).unmatched)


@lru_cache(maxsize=1024)  # one text is parsed by the configuration, by the link and by the text encoder
def parse(text: str) -> Meaning:
    """Return the meaning of a prompt in free English wording.

    Unknown words are skipped (`unknown_words` lists them) as long as one class is named; without a word for a column
    the columns are all three.

    Raises:
        ValueError: the prompt is empty, longer than `MAX_CHARACTERS`, without Latin letters, has a negation, or names
            no known class (the message names the unknown words and the known ones nearest to them).
    """
    check_prompt(text)
    reading = _read(text)
    if reading.negations:
        raise ValueError(
            f"prompt '{text}': '{reading.negations[0]}' is not understood, a prompt names what is wanted. "
            "Name the wanted classes instead."
        )
    if not reading.classes:
        hints = [
            f"'{word}'" + (f" (nearest known: {', '.join(near)})" if near else " (nothing known is near it)")
            for word, near in _nearest(reading.unmatched).items()
        ]
        unknown = f" Unknown words: {', '.join(hints)}." if hints else ""
        raise ValueError(f"prompt '{text}' names no known class.{unknown} Classes: {', '.join(NAMES)}.")
    columns = tuple(c for c in COLUMNS if c in reading.columns) or COLUMNS
    return Meaning(tuple(sorted(reading.classes)), columns)


def canonical(meaning: Meaning) -> str:
    """Return the short standard wording of a meaning, such as "pedestrians and bicyclists on the left"."""
    lexicon = vocabulary()
    if len(meaning.classes) == NUM_CLASSES:
        things = lexicon.nouns[meaning.classes][0].singular
    else:
        things = _listed([lexicon.canonical[c] for c in meaning.classes], "and")
    if meaning.columns == COLUMNS:
        return things
    return things + " " + " and ".join(lexicon.column_phrases[(column,)][0] for column in meaning.columns)


def naming(classes: Iterable[int]) -> str:
    """Return the short standard wording of classes, wherever they are, such as "pedestrians and bicyclists"."""
    return canonical(Meaning(tuple(sorted(classes))))


def _listed(items: Sequence[str], conjunction: str) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + f" {conjunction} " + items[-1]


class _Dice:
    """Makes random choices with an explicit generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def chance(self, probability: float) -> bool:
        return float(torch.rand((), generator=self.generator)) < probability

    def pick(self, items: Sequence[T]) -> T:
        return items[int(torch.randint(len(items), (), generator=self.generator))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return [items[i] for i in torch.randperm(len(items), generator=self.generator).tolist()]


def phrase(meaning: Meaning, generator: torch.Generator, templates: Sequence[str] | None = None) -> str:
    """Draw a random paraphrase of `meaning` of at most `MAX_CHARACTERS` characters; `parse` gives the meaning back.

    `templates` are the sentence templates to choose from (default: all of the lexicon).
    """
    lexicon = vocabulary()
    dice = _Dice(generator)
    while True:
        template = dice.pick(lexicon.templates if templates is None else templates)
        words = template.format(x=_say_things(meaning.classes, dice), where=_say_columns(meaning.columns, dice)).split()
        if dice.chance(0.15):
            words.insert(0, dice.pick(lexicon.openers))
        if dice.chance(0.15):
            words.append(dice.pick(lexicon.closers))
        text = " ".join(words) + dice.pick(("", "", ".", "?", "!"))
        if len(text) <= MAX_CHARACTERS:
            return text


def _say_things(classes: tuple[int, ...], dice: _Dice) -> str:
    lexicon = vocabulary()
    left = set(classes)
    parts: list[tuple[int, ...]] = []
    for group in dice.shuffled([g for g in lexicon.nouns if len(g) > 1 and left.issuperset(g)]):
        if left.issuperset(group) and dice.chance(0.5):
            parts.append(group)
            left.difference_update(group)
    parts += [(c,) for c in left]
    nouns = [_say_noun(lexicon.nouns[part], dice) for part in dice.shuffled(parts)]
    return _listed(nouns, dice.pick(("and", "and", "and", *lexicon.conjunctions)))


def _say_noun(nouns: Sequence[Noun], dice: _Dice) -> str:
    noun = nouns[0] if dice.chance(0.3) else dice.pick(nouns)
    if noun.singular == noun.plural or dice.chance(0.6):
        return dice.pick(("", "", "the ", "the ", "any ", "some ", "these ", "all ")) + noun.plural
    article = dice.pick(("the", "the", "a", "that", "any", "one"))
    if article == "a" and noun.singular[0] in "aeiou":
        article = "an"
    return f"{article} {noun.singular}"


def _say_columns(columns: tuple[Column, ...], dice: _Dice) -> str:
    phrases = vocabulary().column_phrases
    if columns == COLUMNS and dice.chance(0.9):
        return "" if dice.chance(0.75) else dice.pick(phrases[COLUMNS])
    if columns in phrases and columns != COLUMNS and (len(columns) == 1 or dice.chance(0.4)):
        return dice.pick(phrases[columns])
    each = [dice.pick(phrases[(column,)]) for column in columns]
    return _listed(each, dice.pick(("and", "or", "and also")))
