"""The plan says what is done, and its clock converges to the time that stages take."""

import json
from pathlib import Path

import pytest

from taskwave.semantic.training.plan import Clock, StagePlan, check_order, duration, make_plan, steps_in
from taskwave.semantic.training.recipe import STAGES, load_recipe
from taskwave.semantic.training.record import alone, check, claim


def test_a_plan_says_what_is_done(tmp_path: Path) -> None:
    (tmp_path / "codec" / "final").mkdir(parents=True)
    plan = make_plan(load_recipe("tiny"), tmp_path, ("joint", "codec"))
    assert [stage.name for stage in plan] == ["codec", "joint"]
    assert plan[0].left == 0 and plan[1].left == 30
    assert "finished" in str(plan[0]) and "to do" in str(plan[1])
    with pytest.raises(ValueError, match="unknown stage 'jont': allowed are codec, segmentation"):
        make_plan(load_recipe("tiny"), tmp_path, ("jont",))


@pytest.mark.parametrize("content", [b"", b"short", (2**60).to_bytes(8, "little"), (2).to_bytes(8, "little") + b"{}"])
def test_a_damaged_checkpoint_counts_as_no_steps(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    assert steps_in(tmp_path / "c") == 0


def test_a_missing_earlier_stage_is_named_before_any_work(tmp_path: Path) -> None:
    check_order(tmp_path, STAGES, export=True)
    check_order(tmp_path, ("joint",), given=True, export=True)
    with pytest.raises(FileNotFoundError, match=r"codec/final does not exist, and stage 'joint' needs it"):
        check_order(tmp_path, ("joint",))
    (tmp_path / "codec" / "final").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"general/final does not exist, and stage 'joint' needs it"):
        check_order(tmp_path, ("joint", "finetune", "segmentation", "prior"))
    with pytest.raises(FileNotFoundError, match=r"joint/final does not exist, and --export needs it"):
        check_order(tmp_path, ("finetune", "segmentation", "prior", "general"), export=True)


def test_the_time_left_is_that_of_the_stage_and_of_later_ones_by_their_cost() -> None:
    now = [0.0]
    stages = [StagePlan("codec", 100, 10, 0, False), StagePlan("joint", 50, 20, 10, False)]
    clock = Clock([*stages, StagePlan("prior", 9, 9, 0, True)], lambda: now[0])
    clock.begin("codec", 0)
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
    clock.begin("joint", 10)
    now[0] = 90.0
    clock.advance(20)
    assert clock.left() == pytest.approx(120)


def test_durations_are_written_as_people_say_them() -> None:
    assert [duration(s) for s in (0.1, 40, 99, 720, 6000, 12600)] == ["1 s", "40 s", "99 s", "12 min", "1.7 h", "3.5 h"]


MADE = {"stage": "codec", "steps": 5, "network": {"width": [8, 8]}, "needs": {"codec": "abc"}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"steps": 6}, "steps = 5 there, 6 now"),
        ({"network": {}}, r"network.width = \[8, 8\] there, \(none\) now"),
        ({"network": {"width": [8, 8], "depth": 2}}, r"network.depth = \(none\) there, 2 now"),
        ({"needs": {"codec": "def"}}, "needs.codec = abc there, def now"),
    ],
)
def test_a_folder_of_something_else_is_refused_with_the_difference(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    claim(tmp_path / "a", MADE)
    check(tmp_path / "a", MADE)
    check(tmp_path / "a", {**MADE, "needs": {"codec": None}})
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
