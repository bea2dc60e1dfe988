"""Classification: what the picture shows."""

import re
from dataclasses import dataclass, replace

from taskwave.semantic.tasks.base import Answer, Score, Truth, Wording, wrong_kind

WORDING = Wording("classification", ("what is this?", "what does the picture show?"))
_FORM = re.compile(r"what (?:is|does) (?:this|the (?:picture|image))(?: of| show)?")


@dataclass(frozen=True)
class Classification:
    """Asks for the class of the picture; the answer is its name."""

    prompt: str
    """Wording of the question."""
    kind: str = WORDING.name

    @property
    def name(self) -> str:
        """Name of the kind."""
        return self.kind

    @property
    def street_classes(self) -> tuple[int, ...]:
        """None: the whole picture holds the answer."""
        return ()

    def score(self, answer: Answer, truth: Truth) -> Score:
        """Count a right answer over one, where the class is known."""
        if not isinstance(answer, str):
            raise wrong_kind(self, answer)
        return Score(int(answer == truth.category), 1) if truth.category is not None else Score(0, 0)

    def as_truth(self, answer: Answer, like: Truth) -> Truth:
        """Return a class as the true one."""
        if not isinstance(answer, str):
            raise wrong_kind(self, answer)
        return replace(like, category=answer)


def read(prompt: str) -> Classification | None:
    """Return the question of a wording that asks for the class of the picture; None for another question."""
    words = " ".join(re.sub(r"[^a-z ]+", " ", prompt.lower()).split())
    return Classification(prompt) if _FORM.fullmatch(words) else None
