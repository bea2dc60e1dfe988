"""Running a scenario with the links of another (toy) package over the real radio and the generated streets."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch
from PIL import Image

from taskwave.links import registry
from taskwave.phy.files import StorageError
from taskwave.scenarios.config import loading
from taskwave.scenarios.figures import strip
from taskwave.scenarios.sweep import runner
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.grids import SCENARIO_FILE
from taskwave.scenarios.sweep.points import SweepPoint, sweep_points
from taskwave.scenarios.sweep.profiling import OWN, StageTimes
from taskwave.scenarios.sweep.records import SCHEMA, read_records
from taskwave.semantic.data import StreetScenes
from taskwave.semantic.judges.segmentation import SegmentationNet, Segmenter
from taskwave.semantic.metrics import iou_counts


@pytest.fixture
def make_evaluator(toys: ModuleType, tmp_path: Path):
    def make(*overrides: str, profile: StageTimes | None = None) -> Evaluator:
        path = tmp_path / "toy.toml"
        path.write_text(toys.SCENARIO)
        return Evaluator(loading.load(str(path), overrides), toys.Models(), profile)

    return make


def _quiet(done: int, total: int, point: SweepPoint) -> None:
    assert 0 <= done < total


def test_records_have_one_row_per_link_task_snr_budget_and_image(make_evaluator, tmp_path: Path) -> None:
    outcome = runner.run(make_evaluator(), tmp_path / "out", _quiet)
    records = outcome.records
    assert list(records.columns) == SCHEMA.names
    keys = ["link", "task", "es_n0_db", "budget", "image"]
    assert len(records) == 2 * 2 * 2 * 1 * 3 and not records.duplicated(keys).any()
    pd.testing.assert_frame_equal(records, read_records(tmp_path / "out"))
    written = pd.read_csv(tmp_path / "out" / "records.csv")
    assert written["accuracy"].to_numpy() == pytest.approx(records["accuracy"].to_numpy(), nan_ok=True)
    assert (records["channel_uses"] <= records["budget"]).all()
    assert (records["bandwidth_ratio"] == records["channel_uses"] / (3 * 192 * 256)).all()
    assert set(records["asked"]) == {"cars please"} and set(records["channel"]) == {"awgn"}
    assert set(records["task_prompt"]) == {"cars", "road and pavement"} and records["heard"].isna().all()
    assert (records["airtime_s"] >= 0.5e-3).all() and (records["group"] == records["image"]).all()
    for name, value in {"num_tx_ant": 1, "csi": "perfect", "split": "test", "weights": "roads", "fade": 0}.items():
        assert set(records[name]) == {value}, name
    assert records["run"].nunique() == 1
    told = json.loads((tmp_path / "out" / SCENARIO_FILE).read_text())
    assert told["sweep"]["links"] == ["toy", "toy-twin"]


def test_accuracy_is_that_of_the_answer_against_the_label(make_evaluator) -> None:
    evaluator = make_evaluator()
    point = SweepPoint(0, -20.0, 200, "toy")
    deliveries = evaluator.deliver(point)
    rows = evaluator.records(point, deliveries)
    labels = torch.stack([truth.label for truth in evaluator.batch(0).truths])
    intersection, union = iou_counts(torch.stack(deliveries[0].answers), labels, evaluator.tasks[0].classes)
    assert [row["numerator"] for row in rows[:2]] == intersection.tolist()
    assert [row["denominator"] for row in rows[:2]] == union.tolist()
    assert rows[0]["kind"] == "semantic" and rows[0]["image"] == evaluator.batch(0).names[0]


def test_all_links_see_the_same_images_channels_and_noise(make_evaluator, tmp_path: Path) -> None:
    """The twin transmits at other occasions first, and yet has the same errors; other images have other ones."""
    records = runner.run(make_evaluator("radio.channel=rayleigh", "sweep.es_n0_db=[-5]"), tmp_path, _quiet).records
    toy, twin = (records[records["link"] == link].reset_index(drop=True) for link in ("toy", "toy-twin"))
    pd.testing.assert_series_equal(toy["numerator"], twin["numerator"])
    roads = toy[toy["task"] == "road+pavement"]
    assert roads["accuracy"].nunique() > 1


def test_seed_decides_the_noise(make_evaluator) -> None:
    point = SweepPoint(0, -20.0, 200, "toy")
    answers = [torch.stack(make_evaluator(f"seed={seed}").deliver(point)[0].answers) for seed in (7, 7, 8)]
    assert answers[0].equal(answers[1]) and not answers[0].equal(answers[2])


def test_a_finished_point_is_never_computed_twice(make_evaluator, toys: ModuleType, tmp_path: Path) -> None:
    first = runner.run(make_evaluator(), tmp_path, _quiet)
    num_calls = len(toys.Toy.calls)
    second = runner.run(make_evaluator(), tmp_path, _quiet)
    assert (first.computed, first.total) == (16, 16)
    assert (second.computed, len(toys.Toy.calls)) == (0, num_calls)
    pd.testing.assert_frame_equal(first.records, second.records)


@pytest.mark.parametrize(
    "override", ["seed=8", "radio.csi=ls", "tasks=['cars']", "images.split=val", "sweep.occasions=4", "images.batch=1"]
)
def test_whatever_determines_a_point_is_in_its_name(make_evaluator, override: str) -> None:
    point = SweepPoint(0, 0.0, 200, "toy")
    assert make_evaluator().key(point) == make_evaluator().key(point) != make_evaluator(override).key(point)


def test_only_results_of_retrained_networks_get_new_names(make_evaluator) -> None:
    """Codecs weigh by the surrogate, windows are placed by the locator; a link of unknown needs depends on all."""

    def names(surrogate: str, locator: str) -> list[str]:
        evaluator = make_evaluator()
        evaluator.models.digests = {"surrogate": surrogate, "locator": locator}
        return [evaluator.key(SweepPoint(0, 0.0, 200, link)) for link in ("jpeg", "answer", "task-adaptive", "toy")]

    first, other_locator, other_surrogate = names("a", "b"), names("a", "c"), names("d", "b")
    assert [x == y for x, y in zip(first, other_locator, strict=True)] == [True, True, False, False]
    assert [x == y for x, y in zip(first, other_surrogate, strict=True)] == [False, True, True, False]


def test_interrupted_and_continued_equals_never_interrupted(
    make_evaluator, toys: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_STOP", str(tmp_path / "stop"))
    links = "sweep.links=['toy-stops']"
    with pytest.raises(KeyboardInterrupt):
        runner.run(make_evaluator(links), tmp_path / "a", _quiet)
    assert len(read_records(tmp_path / "a")) == 2 * 2, "the point before the stop is readable"
    num_calls = len(toys.Toy.calls)
    continued = runner.run(make_evaluator(links), tmp_path / "a", _quiet)
    assert len(toys.Toy.calls) == num_calls + 3, "of four points that work, one was finished before"
    whole = runner.run(make_evaluator(links), tmp_path / "b", _quiet)
    pd.testing.assert_frame_equal(continued.records, whole.records)
    assert (tmp_path / "a/records.csv").read_bytes() == (tmp_path / "b/records.csv").read_bytes()
    assert not list((tmp_path / "a").rglob("*.partial"))


def test_a_budget_too_small_is_skipped_and_told_once(make_evaluator, tmp_path: Path) -> None:
    skipped = runner.run(make_evaluator(), tmp_path, _quiet).skipped
    assert [(entry.link, entry.budget, entry.es_n0_dbs) for entry in skipped] == [
        ("toy", 50, (-20.0, 0.0)),
        ("toy-twin", 50, (-20.0, 0.0)),
    ]
    assert "needs 100" in skipped[0].reason
    assert runner.run(make_evaluator(), tmp_path, _quiet).skipped == skipped


def test_a_link_that_overspends_is_refused(make_evaluator, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"toy-greedy.*budget is 200"):
        runner.run(make_evaluator("sweep.links=['toy-greedy']"), tmp_path, _quiet)


def test_more_images_than_there_are_is_refused(make_evaluator) -> None:
    with pytest.raises(ValueError, match=r"images.count = 1000000.*has \d+ images"):
        make_evaluator("images.count=1000000")


def test_images_are_spread_over_the_split(make_evaluator) -> None:
    evaluator = make_evaluator("images.count=4")
    assert evaluator.indices == tuple(i * len(evaluator.image_set) // 4 for i in range(4))
    assert [len(evaluator.batch(i).names) for i in (0, 1)] == [2, 2]


def test_points_come_batch_by_batch(make_evaluator) -> None:
    points = list(sweep_points(make_evaluator().scenario))
    assert [point.batch for point in points] == [0] * 8 + [1] * 8
    assert len(set(points)) == 16


def test_a_damaged_point_is_named(make_evaluator, tmp_path: Path) -> None:
    runner.run(make_evaluator(), tmp_path, _quiet)
    victim = next((tmp_path / "points").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(StorageError, match=victim.name):
        runner.run(make_evaluator(), tmp_path, _quiet)


def test_a_folder_that_cannot_be_written_is_named(make_evaluator, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file.*cannot be written"):
        runner.run(make_evaluator(), tmp_path / "file", _quiet)
    with pytest.raises(FileNotFoundError, match="taskwave run"):
        read_records(tmp_path)


def test_links_of_other_packages_are_found_by_name(toys: ModuleType) -> None:
    assert {"task-adaptive", "avif", "toy"} <= set(registry.names())
    assert registry.origin("toy") == "toy-links 1.0"
    assert registry.origin("avif").startswith("taskwave ")
    with pytest.raises(ValueError, match=r"'toy-twinn'; did you mean 'toy-twin'"):
        registry.check("toy-twinn")


def test_profile_splits_a_link_into_stages(make_evaluator, tmp_path: Path) -> None:
    profile = StageTimes()
    runner.run(make_evaluator("sweep.links=['toy']", profile=profile), tmp_path, _quiet)
    table = profile.table()
    stages = table[table["stage"] != "total"]
    assert "phy.links.open_loop.OpenLoopLink.send" in set(stages["stage"]) and OWN in set(stages["stage"])
    assert stages["share"].sum() == pytest.approx(1)
    assert stages["ms"].sum() == pytest.approx(float(table[table["stage"] == "total"]["ms"].iloc[0]))


def test_a_judge_answers_for_every_image(make_evaluator, tmp_path: Path) -> None:
    torch.manual_seed(3)
    net = SegmentationNet(widths=(8, 8, 8, 8), depths=(1, 1, 1)).eval()
    net.save_pretrained(tmp_path / "judge")
    plain, judged = make_evaluator(), make_evaluator(f'judge="{tmp_path / "judge"}"')
    point = SweepPoint(0, 0.0, 200, "toy")
    assert plain.key(point) != judged.key(point)
    own = plain.deliver(point)[0]
    task, truths = plain.tasks[0], plain.batch(0).truths
    assert own.image is not None and own.answers is not None
    expected = Segmenter(net).predict(own.image)
    imaged = replace(own, answers=None)
    assert torch.equal(torch.stack(judged.jury.answers(imaged, task, truths)), expected)
    assert not torch.equal(torch.stack(plain.jury.answers(imaged, task, truths)), expected)
    assert judged.jury.answers(own, task, truths) is own.answers, "a link that sends answers is not judged on images"
    with pytest.raises(FileNotFoundError, match="no task network in"):
        make_evaluator(f'judge="{tmp_path}"')


def test_strip_shows_stages_and_answers(make_evaluator, tmp_path: Path) -> None:
    evaluator = make_evaluator("strip={es_n0_db=0, budget=200, link='toy', baseline='toy-twin', task='cars', images=2}")
    content = strip.evaluate_strip(evaluator, evaluator.scenario.strip)
    assert [column.title for column in content.columns] == [
        "original, truth",
        "coarse",
        "attention",
        "toy",
        "toy-twin",
    ]
    assert content.columns[2].notes == ("cars please", "cars please")
    figure = strip.strip_figure(content)
    figure.savefig(tmp_path / "strip.png")
    assert len(figure.axes) == 2 * 2 * 5


def test_strip_shows_the_agreement_of_answers_where_nothing_is_annotated(make_evaluator, tmp_path: Path) -> None:
    for i in range(2):
        Image.fromarray(StreetScenes("test")[i].image.movedim(0, -1).numpy()).save(tmp_path / f"{i}.png")
    words = ["sky", "buildings", "poles", "road", "pavement", "trees", "signs", "fences", "cars"]
    evaluator = make_evaluator(
        *("images.source=folder", f'images.folder="{tmp_path}"', "images.count=2", f"tasks={words}"),
        "strip={es_n0_db=30, budget=400, link='toy', baseline='toy-twin', task='road', images=2}",
    )
    clean = evaluator.jury.panel.of(evaluator.tasks[0]).answer(evaluator.batch(0).images, ())
    seen = next(
        task for task in evaluator.tasks if all(set(task.street_classes) & set(a.unique().tolist()) for a in clean)
    )
    config = evaluator.scenario.strip.model_copy(update={"task": seen.prompt})
    columns = strip.evaluate_strip(evaluator, config).columns
    assert columns[0].title == "original, answer" and columns[0].notes == ("", "")
    assert all(note.startswith("IoU") for column in columns[3:] for note in column.notes)


def test_messages_that_last_into_their_answers_are_refused(make_evaluator) -> None:
    with pytest.raises(ValueError, match=r"200 channel uses last 2 slots, .* use radio.turnaround_slots=2 or more"):
        make_evaluator("radio.max_prb=1", "radio.turnaround_slots=1")
    make_evaluator("radio.max_prb=1", "radio.turnaround_slots=2")
