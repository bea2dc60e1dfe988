"""Free wording leads to the task that it asks, and what cannot be asked is refused with examples."""

import pytest

from taskwave.semantic.tasks import questions


@pytest.mark.parametrize(
    ("wording", "annotated", "name"),
    [
        ("which traffic signs are there?", "objects", "recognition: traffic signs"),
        ("What road signs do you see", "objects", "recognition: traffic signs"),
        ("Must I give way?", "objects", "recognition: signs to give way"),
        ("what is the speed limit?", "objects", "reading: speed limits"),
        ("where are the cars?", "objects", "finding: vehicles"),
        ("where are the cars?", "label", "car"),
        ("find all the traffic lights", "objects", "finding: traffic lights"),
        ("how many pedestrians are there?", "objects", "counting: people"),
        ("is there a stop sign?", "objects", "presence: stop signs"),
        ("What is this?", "category", "classification"),
        ("road and pavement", "label", "road+pavement"),
    ],
)
def test_wordings_are_understood(wording: str, annotated: str, name: str) -> None:
    task = questions.read(wording, annotated)
    assert (task.name, task.prompt) == (name, wording)
    assert task == questions.read(wording, annotated)


@pytest.mark.parametrize(
    ("wording", "told"),
    [
        ("", "empty"),
        ("qué hay", "qué hay"),
        ("how many unicorns are there?", "unicorns"),
        ("cars on the left", "whole image"),
        ("日本", "Latin"),
    ],
)
def test_what_is_not_understood_is_refused_with_examples(wording: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        questions.read(wording)
    assert "'which traffic signs are there?'" in str(caught.value)


def test_tasks_of_other_packages_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = questions.read("cars")
    monkeypatch.setattr(questions, "others", lambda: (lambda wording: ours if wording == "warp drives" else None,))
    assert questions.read("warp drives") is ours
    assert questions.read("what is this?").kind == "classification"
