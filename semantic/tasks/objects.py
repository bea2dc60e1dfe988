"""Questions about objects: finding them, recognising them, reading them, counting them and whether there are any."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from taskwave.semantic.classes import SIGN
from taskwave.semantic.data.objects import Objects, matches
from taskwave.semantic.signs import SIGNS
from taskwave.semantic.tasks.base import Answer, Detections, Score, Truth, Wording, wrong_kind


@dataclass(frozen=True)
class Concept:
    """Describes what a question can be about."""

    name: str
    """Name in records and figures."""
    words: tuple[str, ...]
    """Wordings of it, in lower case."""
    classes: tuple[str, ...]
    """Classes of the image sets that belong to it."""
    street_classes: tuple[int, ...]
    """Ids of the street classes that show it."""


_SIGNS = (*SIGNS, "speedlimit", "crosswalk", "traffic_sign")
_LIMITS = (*(sign for sign in SIGNS if sign.startswith("speed_limit")), "speedlimit")
_CAR, _PERSON, _BICYCLIST = 8, 9, 10
_STATES = ("red", "yellow", "green")
_LIGHTS = ("trafficlight", "traffic_light", *(f"traffic_light_{state}" for state in _STATES))

CONCEPTS = (
    Concept(
        "traffic signs",
        ("traffic signs", "road signs", "signs"),
        _SIGNS,
        (SIGN,),
    ),
    Concept("speed limits", ("speed limits", "speed limit", "limits"), _LIMITS, (SIGN,)),
    Concept("signs to give way", ("signs to give way", "give way"), ("give_way", "stop"), (SIGN,)),
    Concept("stop signs", ("stop signs", "stop sign"), ("stop",), (SIGN,)),
    Concept("crossings", ("crossings", "crossing"), ("crosswalk", "pedestrian_crossing"), (SIGN,)),
    Concept("traffic lights", ("traffic lights", "traffic light", "lights", "light"), _LIGHTS, (SIGN,)),
    *(
        Concept(
            f"{state} lights",
            (f"{state} lights", f"{state} light", f"{state} traffic lights", f"{state} traffic light"),
            (f"traffic_light_{state}",),
            (SIGN,),
        )
        for state in _STATES
    ),
    Concept("vehicles", ("vehicles", "vehicle"), ("vehicle", "car", "van", "bus", "truck"), (_CAR,)),
    Concept("cars", ("cars", "car"), ("car", "vehicle"), (_CAR,)),
    Concept("vans", ("vans", "van"), ("van",), (_CAR,)),
    Concept("buses", ("buses", "bus"), ("bus",), (_CAR,)),
    Concept("trucks", ("trucks", "truck", "lorries", "lorry"), ("truck",), (_CAR,)),
    Concept(
        "people", ("people", "pedestrians", "pedestrian", "persons", "person"), ("person", "pedestrian"), (_PERSON,)
    ),
    Concept(
        "bicycles",
        ("bicycles", "bicycle", "bikes", "bike", "bicyclists", "bicyclist", "cyclists", "cyclist"),
        ("bike", "bicycle", "bicyclist"),
        (_BICYCLIST,),
    ),
    Concept("motorcycles", ("motorcycles", "motorcycle", "motorbikes"), ("motobike", "motorcycle"), (_BICYCLIST,)),
    Concept("shop signs", ("shop signs", "shop sign"), ("shop_sign",), (SIGN,)),
    Concept(
        "number plates",
        ("number plates", "number plate", "licence plates", "licence plate", "license plates", "license plate"),
        ("number_plate",),
        (_CAR,),
    ),
)
"""What questions can be about, the wider before the narrower."""
OBJECT_CLASSES = tuple(dict.fromkeys(name for concept in CONCEPTS for name in concept.classes))
"""Classes of objects that questions can be about."""
_BY_WORDS = {words: concept for concept in CONCEPTS for words in concept.words}

FINDING = Wording("finding", ("find the traffic lights", "where are the vehicles?"))
RECOGNITION = Wording(
    "recognition", ("which traffic signs are there?", "must I give way?", "what is the light showing?")
)
READING = Wording("reading", ("what is the speed limit?", "what does the shop sign say?"))
COUNTING = Wording("counting", ("how many vehicles are there?",))
PRESENCE = Wording("presence", ("is there a stop sign?", "is the light red?"))


@dataclass(frozen=True)
class AboutObjects(ABC):
    """Holds what all questions about objects share."""

    prompt: str
    """Wording of the question."""
    concept: Concept
    """What it is about."""
    kind: str = ""
    """Kind of the question."""

    @property
    def name(self) -> str:
        """Kind and concept."""
        return f"{self.kind}: {self.concept.name}"

    @property
    def street_classes(self) -> tuple[int, ...]:
        """Ids of the street classes that show the concept."""
        return self.concept.street_classes

    def score(self, answer: Answer, truth: Truth) -> Score:
        """Score the answer on one image; nothing over nothing where nobody looked for objects."""
        found = self.found(answer)
        if truth.objects is None:
            return Score(0, 0)
        return self.compare(found, self.true(truth))

    @abstractmethod
    def compare(self, found: Detections, true: Objects) -> Score:
        """Score the objects of the concept that were found in one image, given the true ones."""

    def as_truth(self, answer: Answer, like: Truth) -> Truth:
        """Return detections as annotated objects."""
        found = self.found(answer)
        return replace(like, objects=Objects(found.boxes, found.classes, found.texts))

    def found(self, answer: Answer) -> Detections:
        """Return the objects of an answer that are of the concept; `TypeError` for an answer of another kind."""
        if not isinstance(answer, Detections):
            raise wrong_kind(self, answer)
        return answer.select([i for i, name in enumerate(answer.classes) if name in self.concept.classes])

    def true(self, truth: Truth) -> Objects:
        """Return the true objects of the concept, none where nobody looked for any."""
        return (truth.objects or Objects.of(())).of_classes(self.concept.classes)

    def match(self, found: Detections, true: Objects) -> list[int | None]:
        """Return for each object found the index of the true one at its place, whatever their classes, or None."""
        alike = Objects(true.boxes, (self.concept.name,) * len(true), true.texts)
        return matches(found.boxes, (self.concept.name,) * len(found), alike)


class AboutPlaces(AboutObjects):
    """Asks for objects with their places, which F1 scores."""

    def compare(self, found: Detections, true: Objects) -> Score:
        """Count twice the hits over the objects found and true ones: F1."""
        hits = sum(match is not None for match in self.match(found, true))
        return Score(2 * hits, len(found) + len(true))


@dataclass(frozen=True)
class Finding(AboutPlaces):
    """Asks where objects are: hits are boxes that overlap a true one by half, whatever their class in the concept."""

    kind: str = FINDING.name


@dataclass(frozen=True)
class Recognition(AboutPlaces):
    """Asks which objects there are and where: a hit has the right class and place."""

    kind: str = RECOGNITION.name

    def match(self, found: Detections, true: Objects) -> list[int | None]:
        """Return for each object found the index of the true one of its class at its place, or None."""
        return matches(found.boxes, found.classes, true)


@dataclass(frozen=True)
class Reading(AboutObjects):
    """Asks what is written on objects: right is a text that equals that of a true object at its place."""

    kind: str = READING.name

    def compare(self, found: Detections, true: Objects) -> Score:
        """Count the texts that are read rightly over those that there are."""
        right = sum(
            match is not None and bool(true.texts[match]) and text == true.texts[match]
            for text, match in zip(found.texts, self.match(found, true), strict=True)
        )
        return Score(right, sum(map(bool, true.texts)))


@dataclass(frozen=True)
class Counting(AboutObjects):
    """Asks how many objects there are; only the exact number is right."""

    kind: str = COUNTING.name

    def compare(self, found: Detections, true: Objects) -> Score:
        """Count a right answer over one."""
        return Score(int(len(found) == len(true)), 1)


@dataclass(frozen=True)
class Presence(AboutObjects):
    """Asks whether there is such an object."""

    kind: str = PRESENCE.name

    def compare(self, found: Detections, true: Objects) -> Score:
        """Count a right answer over one."""
        return Score(int(bool(len(found)) == bool(len(true))), 1)


_FORMS: tuple[tuple[type[AboutObjects], re.Pattern[str]], ...] = (
    (Counting, re.compile(r"(?:how many|count(?: the)?) (.+?)(?: are there| are visible| do you see)?")),
    (Presence, re.compile(r"(?:is|are) there (?:a |an |any |some )?(.+)|is the (?:traffic )?light (red|yellow|green)")),
    (Reading, re.compile(r"what (?:is|are) the (speed limits?)|what do(?:es)? the (.+) say|read the (.+)")),
    (Recognition, re.compile(r"what (?:is|does|colou?r is) the ((?:traffic )?light)(?: show| showing)?")),
    (Recognition, re.compile(r"(?:which|what) (.+?)(?: are there| are shown| do you see)?|must i (give way)")),
    (Finding, re.compile(r"(?:find|locate|where are|where is)(?: all| the)* (.+)")),
)
"""How each kind is asked; the first form that fits and names a concept is taken."""


def read(prompt: str) -> AboutObjects | None:
    """Return the question about objects that a wording asks; None where it asks no such question."""
    words = " ".join(re.sub(r"[^a-z0-9 ]+", " ", prompt.lower()).split())
    for kind, form in _FORMS:
        found = form.fullmatch(words)
        about = next((group for group in found.groups() if group), "") if found else ""
        about = about.removeprefix("the ").removesuffix(" here")
        concept = _BY_WORDS.get(f"{about} light" if about in _STATES else about)
        if concept is not None:
            return kind(prompt, concept)
    return None
