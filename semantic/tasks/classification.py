"""Classification: what the picture shows."""

import re
from dataclasses import dataclass, replace

from taskwave.semantic.tasks.base import Answer, Score, Truth, Wording, wrong_kind

WORDING = Wording("classification", ("what is this?", "what does the picture show?"))
_PICTURE = r"(?:this|the) (?:picture|image|photo|photograph)"
_FORM = re.compile(
    rf"what (?:is|does) (?:this|it|{_PICTURE})(?: of| show| a (?:picture|image|photo) of)?|"
    rf"what (?:is|can be seen) (?:in|on) {_PICTURE}|what is shown(?: here| (?:in|on) {_PICTURE})?|"
    rf"which class is (?:this|it)|classify (?:this|{_PICTURE})"
)


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
