"""Free wording: which task a question asks, by what images have annotated, and what is asked most alike."""

import difflib
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib.metadata import entry_points

from taskwave.semantic.language import lexicon
from taskwave.semantic.language.vocabulary import split_words, vocabulary
from taskwave.semantic.tasks import classification, objects, segmentation
from taskwave.semantic.tasks.base import Task, Wording

ENTRY_POINTS = "taskwave.tasks"
"""Group of entry points of other packages: each names a function from a wording to a `Task`, or to None where the
wording asks something else."""

WORDINGS: tuple[Wording, ...] = (
    *(objects.COUNTING, objects.PRESENCE, objects.READING, objects.RECOGNITION, objects.FINDING),
    classification.WORDING,
    segmentation.WORDING,
)
"""Kinds of tasks that the project knows, in the order in which wordings are tried."""

_NEAREST = 4
"""Number of kinds whose nearest question is told to somebody whose question is not understood."""
_PLURAL, _SINGULAR = "{things}", "{thing}"
_FRAMES = {
    objects.COUNTING.name: (f"how many {_PLURAL} are there?",),
    objects.PRESENCE.name: (f"is there a {_SINGULAR}?", f"are there {_PLURAL}?"),
    objects.READING.name: (f"what is the {_SINGULAR}?",),
    objects.RECOGNITION.name: (f"which {_PLURAL} are there?", f"must I {_SINGULAR}?"),
    objects.FINDING.name: (f"where are the {_PLURAL}?", f"find the {_PLURAL}"),
}
"""How the kinds ask about things."""


@lru_cache
def others() -> tuple[Callable[[str], Task | None], ...]:
    """Return the readers of wordings that other packages announce.

    Raises:
        ValueError: an entry point cannot be loaded.
    """
    readers = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            readers.append(point.load())
        except Exception as error:  # whatever the other package raises
            raise ValueError(
                f"the task {point.name!r} of the entry point {point.value!r} cannot be loaded ({error!r}): repair or "
                "uninstall its package"
            ) from error
    return tuple(readers)


def read(prompt: str, annotated: str = "label") -> Task:
    """Return the task that a question in free wording asks.

    Where a wording fits several kinds, such as "where are the cars?", images with label maps are segmented and images
    with boxes are searched for boxes.

    Args:
        prompt: wording of the question.
        annotated: what the images have: "label", "objects", "category", or "" for nothing.

    Raises:
        ValueError: no kind of task understands the wording; the message has examples.
    """
    for reader in others():
        task = reader(prompt)
        if task is not None:
            return task
    about = objects.read(prompt)
    if about is not None and (annotated == "objects" or not isinstance(about, objects.Finding)):
        return about
    whole = classification.read(prompt)
    if whole is not None:
        return whole
    try:
        return segmentation.read(prompt)
    except ValueError as error:
        if about is not None:
            return about
        raise ValueError(_refusal(prompt, str(error))) from error


def _refusal(prompt: str, fault: str) -> str:
    """Return why a question is not understood, with those that are understood and most like it.

    Args:
        prompt: wording of the question.
        fault: what the lexicon says of it.
    """
    examples = ", ".join(repr(wording.examples[0]) for wording in WORDINGS)
    if not prompt.strip():
        return f"the question is empty; ask for example {examples}"
    if len(prompt) > lexicon.MAX_CHARACTERS:
        return fault
    if not any(c.isalpha() and "LATIN" in unicodedata.name(c, "") for c in prompt):
        return f"question {prompt!r} has no Latin letters; questions are asked in English, for example {examples}"
    words = [word for word in split_words(prompt) if word != ","]
    unknown = {word: near for word, near in lexicon.unknown_words(prompt).items() if word not in _known_words()}
    if len(unknown) > 1 and 2 * len(unknown) > len(words):
        told = f"unknown words: {', '.join(map(repr, unknown))}"
        return f"question {prompt!r}: {told}; questions are asked in English, for example {examples}"
    if not unknown and any(
        e.role in ("negation", "column") and set(p) <= set(words) for p, e in vocabulary().phrases.items()
    ):
        # The lexicon knows what is meant, and why no task can be that.
        return f"question {prompt!r}: {fault.removeprefix(f'prompt {prompt!r}: ')}"
    hints = (f"{word!r}" + (f" (near: {', '.join(near)})" if near else "") for word, near in unknown.items())
    named = [thing for concept in objects.CONCEPTS for thing in concept.words if f" {thing} " in f" {' '.join(words)} "]
    if unknown:
        reason = f"unknown words: {', '.join(hints)}"
    else:
        reason = f"{named[0]!r} is not asked about like this" if named else "it names nothing that can be asked about"
    corrected = [unknown[word][0] if unknown.get(word) else word for word in words if unknown.get(word, True)]
    nearest = "".join(f"\n  {kind}: {question!r}" for kind, question in _nearest(corrected or words))
    return f"question {prompt!r} is not understood: {reason}. Nearest of those that are:{nearest}"


@cache
def known_questions() -> dict[str, dict[str, str]]:
    """Return questions that are understood, with the thing that each asks about, by the name of their kind."""
    about = {kind: dict(_about(kind, frames)) for kind, frames in _FRAMES.items()}
    nouns = [noun.plural for nouns in vocabulary().nouns.values() for noun in nouns]
    return {
        **about,
        classification.WORDING.name: dict.fromkeys(classification.WORDING.examples, ""),
        segmentation.WORDING.name: dict(zip(nouns, nouns, strict=True)),
    }


def _about(kind: str, frames: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the questions of one kind about objects, each with what it asks about."""
    for concept in objects.CONCEPTS:
        for number, words in enumerate(concept.words):
            plural = number == 0 or (words.endswith("s") and f"{words}es" not in concept.words)
            gap = _PLURAL if plural else _SINGULAR
            for frame in frames:
                asked = objects.read(frame.replace(gap, words)) if gap in frame else None
                if asked is not None and asked.kind == kind:
                    yield asked.prompt, words


@cache
def _known_words() -> frozenset[str]:
    """Return all words of the known questions."""
    return frozenset(word for asked in known_questions().values() for one in asked for word in split_words(one))


def _nearest(words: list[str]) -> list[tuple[str, str]]:
    """Return kind and question of those most like normalised words, one of a kind, the most alike first."""
    found, text = [], " ".join(words)
    for kind, asked in known_questions().items():
        alike = {
            question: _alike(question.lower().rstrip("?"), text) + _best(of, words) for question, of in asked.items()
        }
        nearest = max(alike, key=lambda question: alike[question])
        found.append((alike[nearest], kind, nearest))
    return [(kind, question) for _, kind, question in sorted(found, key=lambda row: -row[0])[:_NEAREST]]


def _best(thing: str, words: list[str]) -> float:
    """Return how much a thing is like those of the words that are most like it, 0 to 1."""
    length = len(thing.split())
    return max(_alike(thing, " ".join(words[i : i + length])) for i in range(len(words))) if thing else 0.0


def _alike(one: str, other: str) -> float:
    """Return how much two texts are alike, 0 to 1."""
    return difflib.SequenceMatcher(None, one, other).ratio()
