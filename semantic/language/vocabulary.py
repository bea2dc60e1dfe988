"""The tables read from `lexicon.toml`: the meaning of every phrase, and all words that the lexicon uses."""

import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from taskwave.semantic.classes import NAMES, NUM_CLASSES

Column = Literal["left", "centre", "right"]
"""Name of a third of the width."""
Role = Literal["thing", "column", "filler", "context", "negation"]
"""Part that a phrase plays in a prompt."""
Words = tuple[str, ...]
"""Normalised words of a phrase."""

COLUMNS: tuple[Column, ...] = ("left", "centre", "right")
"""The three columns from left to right."""
PAUSES = ",;:.?!"
"""Characters that separate clauses."""
APOSTROPHES = "'’`"
"""Characters that are dropped within a word."""
_NAMED_COLUMNS: dict[str, tuple[Column, ...]] = {
    "left": ("left",),
    "centre": ("centre",),
    "right": ("right",),
    "sides": ("left", "right"),
    "anywhere": COLUMNS,
}


def normalise(text: str) -> str:
    """Reduce a text to lower-case words without accents, with a comma for every pause.

    "Façades; left-hand side?" becomes "facades, left hand side". Commas stay because they separate: "road, signs" is
    not "road signs".
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()
    spaced = "".join(c if c.isalnum() else " , " if c in PAUSES else " " for c in plain if c not in APOSTROPHES)
    return ", ".join(" ".join(clause.split()) for clause in spaced.split(",") if clause.strip())


def split_words(text: str) -> list[str]:
    """Return the words of `text` after `normalise`; a comma is a word."""
    return normalise(text).replace(",", " ,").split()


@dataclass(frozen=True)
class Noun:
    """Holds one name of a class or of a group of classes."""

    singular: str
    """Singular form."""
    plural: str
    """Plural form, equal to `singular` for words with one form (foliage)."""


@dataclass(frozen=True)
class Entry:
    """Holds what a phrase stands for."""

    role: Role
    """Part that the phrase plays in a prompt."""
    classes: tuple[int, ...] = ()
    """Ids of the classes that the phrase names."""
    columns: tuple[Column, ...] = ()
    """Columns that the phrase names."""


@dataclass(frozen=True)
class Vocabulary:
    """Holds all tables of the lexicon; comments in `lexicon.toml` explain them."""

    phrases: dict[Words, Entry]
    """Entry of each phrase, by its normalised words without determiners."""
    longest: int
    """Number of words of the longest phrase."""
    fillers: tuple[str, ...]
    """Single words without a meaning of their own."""
    determiners: frozenset[str]
    """Words such as "the", which matching leaves out."""
    conjunctions: tuple[str, ...]
    """Phrases that join the things of a list."""
    canonical: tuple[str, ...]
    """Name of each class in canonical wording, by class id."""
    nouns: dict[tuple[int, ...], tuple[Noun, ...]]
    """Nouns for exactly one set of classes, by their sorted ids."""
    column_phrases: dict[tuple[Column, ...], tuple[str, ...]]
    """Phrases for exactly one set of columns, by these columns, the canonical phrase first."""
    openers: tuple[str, ...]
    """Phrases that may stand before a prompt."""
    closers: tuple[str, ...]
    """Phrases that may stand behind a prompt."""
    templates: tuple[str, ...]
    """Sentences with gaps {x} for the things and {where} for the columns."""
    words: Counter[str]
    """All words with the number of times the lexicon uses each."""

    def content(self, text: str) -> Words:
        """Return the words of `text` that take part in matching: normalised, without determiners."""
        return tuple(w for w in split_words(text) if w not in self.determiners)


def regular_plural(singular: str) -> str:
    """Return the plural of a regular English noun phrase: "lamp posts" for "lamp post", "lorries" for "lorry"."""
    if singular.endswith(("s", "x", "ch", "sh")):
        return singular + "es"
    if singular.endswith("y") and singular[-2] not in "aeiou":
        return singular[:-1] + "ies"
    return singular + "s"


def _noun(item: str | list[str]) -> Noun:
    return Noun(item, regular_plural(item)) if isinstance(item, str) else Noun(item[0], item[-1])


def _sayings(data: dict[str, Any]) -> Iterable[str]:
    """Yield whole phrasings, whose words are fillers unless a table gives them another role."""
    phrasing = data["phrasing"]
    yield from (t.replace("{x}", " ").replace("{where}", " ") for t in phrasing["templates"])
    yield from [*phrasing["openers"], *phrasing["closers"], *data["conjunctions"]]
    for column in data["columns"].values():
        yield from column["phrases"]


@cache
def vocabulary() -> Vocabulary:
    """Read the bundled lexicon.

    Raises:
        ValueError: the file gives two meanings to one phrase.
    """
    data = tomllib.loads(files("taskwave.semantic.language").joinpath("lexicon.toml").read_text(encoding="utf-8"))
    determiners = frozenset(data["determiners"])
    nouns: dict[tuple[int, ...], tuple[Noun, ...]] = {
        (NAMES.index(name),): tuple(map(_noun, items)) for name, items in data["nouns"].items()
    }
    for group in data["groups"]:
        nouns[tuple(sorted(NAMES.index(name) for name in group["classes"]))] = tuple(map(_noun, group["nouns"]))

    phrases: dict[Words, Entry] = {}
    words = Counter([*data["determiners"], ","])

    def add(phrase: str, entry: Entry) -> None:
        words.update(split_words(phrase))
        key = tuple(w for w in split_words(phrase) if w not in determiners)
        if phrases.setdefault(key, entry) != entry:
            raise ValueError(f"lexicon.toml: '{phrase}' stands for {phrases[key]} and for {entry}; keep one of them.")

    for classes, names in nouns.items():
        for noun in names:
            for form in {noun.singular: None, noun.plural: None}:
                add(form, Entry("thing", classes=classes))
    for name, column in data["columns"].items():
        for key in column["keys"]:
            add(key, Entry("column", columns=_NAMED_COLUMNS[name]))
    for role in ("context", "negation", "filler"):
        for phrase in data[role + "s"]:
            add(phrase, Entry(role))
    phrases[(",",)] = Entry("filler")
    for saying in _sayings(data):
        words.update(split_words(saying))
        for word in split_words(saying):
            if word not in determiners:
                phrases.setdefault((word,), Entry("filler"))

    return Vocabulary(
        phrases=phrases,
        longest=max(map(len, phrases)),
        fillers=tuple(key[0] for key, entry in phrases.items() if entry.role == "filler" and len(key) == 1),
        determiners=determiners,
        conjunctions=tuple(data["conjunctions"]),
        canonical=tuple(data["canonical"][NAMES[i]] for i in range(NUM_CLASSES)),
        nouns=nouns,
        column_phrases={_NAMED_COLUMNS[name]: tuple(column["phrases"]) for name, column in data["columns"].items()},
        openers=tuple(data["phrasing"]["openers"]),
        closers=tuple(data["phrasing"]["closers"]),
        templates=tuple(data["phrasing"]["templates"]),
        words=words,
    )
