"""The plan says what is done, and its clock converges to the time that stages take."""

import json
from pathlib import Path

import pytest

from taskwave.semantic.training.plan import Clock, StagePlan, duration, steps_in
from taskwave.semantic.training.record import alone, check, claim


@pytest.mark.parametrize(("done", "left"), [(0, 30), (12, 18), (30, 0)])
def test_a_plan_says_what_is_left(done: int, left: int) -> None:
    assert StagePlan("windows", 30, 8, done).left == left


@pytest.mark.parametrize("content", [b"", b"short", (2**60).to_bytes(8, "little"), (2).to_bytes(8, "little") + b"{}"])
def test_a_damaged_checkpoint_counts_as_no_steps(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    assert steps_in(tmp_path / "c") == 0


def test_the_time_left_is_that_of_the_stage_and_of_later_ones_by_their_cost() -> None:
    now = [0.0]
    stages = [StagePlan("detector", 100, 10, 0), StagePlan("reader", 50, 64, 10)]
    clock = Clock([*stages, StagePlan("map", 9, 9, 9)], lambda: now[0])
    clock.begin("detector", 0)
    assert clock.left() is None and clock.speed() is None
    now[0] = 10.0
    clock.advance(20)
    assert clock.speed() == 2 and clock.stage_left() == 40
    second = 10 / (20 * stages[0].work)
    assert clock.left() == pytest.approx(40 + second * 40 * stages[1].work)
    now[0] = 50.0
    clock.advance(100)
    clock.end()
    assert clock.left() == pytest.approx(50 / (100 * stages[0].work) * 40 * stages[1].work)
    clock.begin("reader", 10)
    now[0] = 90.0
    clock.advance(20)
    assert clock.left() == pytest.approx(120)


def test_durations_are_written_as_people_say_them() -> None:
    assert [duration(s) for s in (0.1, 40, 99, 720, 6000, 12600)] == ["1 s", "40 s", "99 s", "12 min", "1.7 h", "3.5 h"]


MADE = {"part": "reader", "steps": 5, "network": {"width": [8, 8]}, "needs": {"detector": "abc"}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"steps": 6}, "steps = 5 there, 6 now"),
        ({"network": {}}, r"network.width = \[8, 8\] there, \(none\) now"),
        ({"network": {"width": [8, 8], "depth": 2}}, r"network.depth = \(none\) there, 2 now"),
        ({"needs": {"detector": "def"}}, "needs.detector = abc there, def now"),
    ],
)
def test_a_folder_of_something_else_is_refused_with_the_difference(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    claim(tmp_path / "a", MADE)
    check(tmp_path / "a", MADE)
    check(tmp_path / "a", {**MADE, "needs": {"detector": None}})
    with pytest.raises(ValueError, match=rf"{told}; name another --out, or remove"):
        check(tmp_path / "a", {**MADE, **change})
    assert json.loads((tmp_path / "a" / "training.json").read_text()) == MADE


def test_results_without_or_with_a_damaged_record_are_refused(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    with pytest.raises(ValueError, match=r"holds results without training.json"):
        check(tmp_path, MADE)
    (tmp_path / "training.json").write_text("[")
    with pytest.raises(ValueError, match=r"training.json is damaged"):
        check(tmp_path, MADE)


def test_two_trainings_never_share_a_folder(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(RuntimeError, match="another training is at work in"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass
