"""Free wording leads to the task that it asks, and what cannot be asked is refused with examples."""

import re

import pytest

from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.objects import CONCEPTS


@pytest.mark.parametrize(
    ("wording", "annotated", "name"),
    [
        ("which traffic signs are there?", "objects", "recognition: traffic signs"),
        ("What road signs do you see", "objects", "recognition: traffic signs"),
        ("Must I give way?", "objects", "recognition: signs to give way"),
        ("what is the speed limit?", "objects", "reading: speed limits"),
        ("where are the cars?", "objects", "finding: cars"),
        ("where are the vehicles?", "objects", "finding: vehicles"),
        ("where are the cars?", "label", "car"),
        ("find all the traffic lights", "objects", "finding: traffic lights"),
        ("how many pedestrians are there?", "objects", "counting: people"),
        ("is there a stop sign?", "objects", "presence: stop signs"),
        ("which traffic signs are there?", "label", "recognition: traffic signs"),
        ("Is the light red?", "label", "presence: red lights"),
        ("is there a green traffic light", "label", "presence: green lights"),
        ("what is the light showing?", "label", "recognition: traffic lights"),
        ("What colour is the traffic light?", "label", "recognition: traffic lights"),
        ("what does the light show", "label", "recognition: traffic lights"),
        ("how many buses are there?", "label", "counting: buses"),
        ("how many trucks do you see?", "label", "counting: trucks"),
        ("are there any vans?", "label", "presence: vans"),
        ("is there a cyclist?", "label", "presence: bicycles"),
        ("is there a pedestrian?", "label", "presence: people"),
        ("what does the shop sign say?", "label", "reading: shop signs"),
        ("what do the shop signs say?", "label", "reading: shop signs"),
        ("What does the number plate say?", "label", "reading: number plates"),
        ("read the licence plates", "label", "reading: number plates"),
        ("What is this?", "category", "classification"),
        ("road and pavement", "label", "road+pavement"),
    ],
)
def test_wordings_are_understood(wording: str, annotated: str, name: str) -> None:
    task = questions.read(wording, annotated)
    assert (task.name, task.prompt) == (name, wording)
    assert task == questions.read(wording, annotated)


@pytest.mark.parametrize(
    ("wording", "told", "nearest"),
    [
        ("how many cats are there?", "'cats' (near: cars, cabs)", "counting: 'how many cars are there?'"),
        ("where are the pedestrans", "'pedestrans' (near: pedestrians", "finding: 'where are the pedestrians?'"),
        ("how many unicorns are there?", "unknown words: 'unicorns'", "counting: 'how many "),
        ("must I stop?", "it names nothing that can be asked about", "presence: 'is there a stop sign?'"),
        ("the speed limit", "'speed limit' is not asked about like this", "reading: 'what is the speed limit?'"),
        ("what do you see?", "it names nothing", "reading: 'what is the speed limit?'"),
        ("cars and zebras", "unknown words: 'zebras'", "segmentation: 'cars'"),
        ("zebras", "unknown words: 'zebras'", "segmentation: 'zebra crossings'"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_is_most_like_it(wording: str, told: str, nearest: str) -> None:
    with pytest.raises(ValueError, match="is not understood") as caught:
        questions.read(wording)
    first, *lines = str(caught.value).splitlines()
    assert repr(wording) in first and told in first and len(lines) == 4
    assert any(line.strip().startswith(nearest) for line in lines), str(caught.value)
    for line in lines:
        kind, _, question = line.strip().partition(": ")
        assert questions.read(question.strip("'"), "objects" if kind == "finding" else "label").kind == kind


@pytest.mark.parametrize(
    ("wording", "told"),
    [
        ("", "the question is empty; ask for example 'how many vehicles are there?'"),
        (" \n", "the question is empty"),
        ("日本", "no Latin letters; questions are asked in English, for example"),
        ("???", "no Latin letters"),
        ("qué hay", "unknown words: 'que', 'hay'; questions are asked in English, for example"),
        ("wo sind die Autos?", "unknown words: 'wo', 'sind', 'die'; questions are asked in English"),
        ("cars on the left", "whole image"),
        ("no cars", "'no' is not understood"),
        ("cars " * 99, "495 characters"),
    ],
)
def test_what_cannot_be_a_question_is_one_clear_line(wording: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        questions.read(wording)
    assert "\n" not in str(caught.value)


def test_every_kind_asks_about_everything_that_it_knows() -> None:
    known = questions.known_questions()
    assert set(known) == {wording.name for wording in questions.WORDINGS} and all(known.values())
    for kind in ("counting", "presence", "finding"):
        about = {questions.read(question, "objects").name for question in known[kind]}
        assert about == {f"{kind}: {concept.name}" for concept in CONCEPTS}
    for kind, asked in known.items():
        annotated = "label" if kind == "segmentation" else "objects"
        assert {questions.read(question, annotated).kind for question in asked} == {kind}


@pytest.mark.parametrize(
    "wording",
    [
        *(
            "What is this?",
            "what is it",
            "what does the picture show?",
            "what is this a picture of?",
            "what is in this photo?",
        ),
        *(
            "what is shown in the image?",
            "what can be seen in the photograph?",
            "which class is this?",
            "classify the image",
        ),
    ],
)
def test_the_class_of_a_picture_is_asked_in_many_ways(wording: str) -> None:
    assert questions.read(wording, "category").kind == "classification"


def test_tasks_of_other_packages_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = questions.read("cars")
    monkeypatch.setattr(questions, "others", lambda: (lambda wording: ours if wording == "warp drives" else None,))
    assert questions.read("warp drives") is ours
    assert questions.read("what is this?").kind == "classification"
