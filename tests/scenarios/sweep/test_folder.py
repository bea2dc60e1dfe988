"""Folders of results: what may join them, what made them, and several processes at work in one."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import taskwave
from taskwave.phy.files import StorageError
from taskwave.scenarios.config import loading
from taskwave.scenarios.figures import strip_file
from taskwave.scenarios.sweep import code, evaluation, executors, provenance, runner
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.grids import OtherScenarioError, read_grids, scenario_files, to_toml
from taskwave.scenarios.sweep.points import SweepPoint, sweep_points
from taskwave.scenarios.sweep.records import PARQUET, POSITION, STRIP, read_records
from taskwave.scenarios.sweep.store import PointStore


@pytest.fixture
def make(toys: ModuleType, tmp_path: Path):
    path = tmp_path / "toy.toml"
    path.write_text(toys.SCENARIO)

    def evaluator(*overrides: str) -> Evaluator:
        return Evaluator(loading.load(str(path), overrides), toys.Models())

    return evaluator


def _run(evaluator: Evaluator, out: Path, *, append: bool = False, jobs: int = 1) -> runner.Outcome:
    return runner.run(evaluator, out, lambda done, total, point: None, append=append, jobs=jobs)


GROWN = "sweep.es_n0_db=[-20, 0, 10]"


@pytest.mark.parametrize(
    ("override", "computed"),
    [
        (GROWN, 8),
        ("sweep.budgets=[50, 200, 400]", 8),
        ("sweep.links=['toy', 'toy-twin', 'toy-greedy']", None),
        ("sweep.fades=2", 16),
        ("tasks=['cars', 'road and pavement', 'poles']", 16),
        ("images.count=6", 24),
    ],
)
def test_a_scenario_that_grows_continues_its_run(make, tmp_path: Path, override: str, computed: int | None) -> None:
    out = tmp_path / "out"
    before = _run(make(), out).records
    if computed is None:
        with pytest.raises(ValueError, match="toy-greedy"):  # Its records are refused, but the others stay.
            _run(make(override), out)
        assert len(read_records(out)) == len(before)
        return
    outcome = _run(make(override), out)
    assert outcome.computed == computed and outcome.outdated == 0
    now = outcome.records
    assert not now.duplicated(list(POSITION)).any()
    both = before.merge(now, on=list(POSITION), how="left")
    assert both["channel_y"].notna().all(), "every old record has one in its place"
    if not override.startswith("images"):
        assert (both["numerator_x"] == both["numerator_y"]).all()
    assert len(read_grids(out)) == 1
    again = _run(make(override), out)
    assert again.computed == 0 and again.given_way == 0
    pd.testing.assert_frame_equal(again.records, now)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=8", "seed: 7 there, 8 now. Rows of both could not be told apart"),
        ("radio.csi=ls", 'radio.csi: "perfect" there, "ls" now'),
        ("sweep.occasions=4", "sweep.occasions: 3 there, 4 now"),
        ("images.batch=1", "images.batch: 2 there, 1 now"),
        ("images.size=64x48", 'images.size: not given there, "64x48" now. Rows of both could not be told apart'),
        ("sweep.budgets=[200]", "sweep.budgets: [50, 200] there, [200] now. Records would leave its table"),
        ("images.count=4", "images.count: 3 there, 4 now. Records would leave its table"),
        ("name=other", 'name: "toy" there, "other" now'),
    ],
)
def test_another_scenario_is_refused_and_nothing_is_changed(make, tmp_path: Path, override: str, told: str) -> None:
    out = tmp_path / "out"
    _run(make(), out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(OtherScenarioError) as caught:
        _run(make(override), out)
    assert told in str(caught.value) and "--out" in str(caught.value) and "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    if "told apart" in str(caught.value):
        with pytest.raises(OtherScenarioError):
            _run(make(override), out, append=True)
        return
    assert len(_run(make(override), out, append=True).records) >= len(pq.read_table(out / PARQUET)) > 0


def test_append_holds_both_grids_and_each_is_continued(make, tmp_path: Path) -> None:
    out, small = tmp_path / "out", ("sweep.es_n0_db=[10]", "sweep.budgets=[300]")
    first = _run(make(), out).records
    both = _run(make(*small), out, append=True)
    assert (both.computed, both.total, both.given_way) == (4, 20, 0)
    assert len(both.records) == len(first) + 12 and set(both.records["es_n0_db"]) == {-20, 0, 10}
    assert both.records["run"].nunique() == 1, "the same radio, images, weights and code"
    again = _run(make(), out)
    assert again.computed == 0 and len(again.records) == len(both.records)
    assert [path.name for path in scenario_files(out, 2)] == ["scenario.toml", "scenario-2.toml"]
    assert loading.load(str(out / "scenario-2.toml")) == make().scenario
    assert loading.load(str(out / "scenario.toml")) == make(*small).scenario
    other_images = _run(make("images.count=2"), out, append=True).records
    assert other_images["run"].nunique() == 2 and not other_images.duplicated(list(POSITION)).any()


def test_records_of_an_unknown_scenario_are_not_replaced(make, tmp_path: Path) -> None:
    _run(make(), tmp_path / "a")
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / PARQUET, tmp_path / "b")
    with pytest.raises(OtherScenarioError, match="whose scenario is not known"):
        _run(make(), tmp_path / "b")


def test_scenarios_are_written_as_files_that_give_the_same(tmp_path: Path) -> None:
    for name in loading.built_in():
        scenario = loading.load(name)
        (tmp_path / "scenario.toml").write_text(to_toml(scenario))
        assert loading.load(str(tmp_path / "scenario.toml")) == scenario


def test_changed_code_is_computed_anew(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    first = _run(make(), out)
    old_points, old_records = PointStore(out).keys(), (out / PARQUET).read_bytes()
    monkeypatch.setattr(evaluation, "code_digest", lambda: "another state of the code")
    second = _run(make(), out)
    assert second.computed == second.outdated == 16 and set(old_points) < set(PointStore(out).keys())
    assert second.kept_aside is not None and second.kept_aside.read_bytes() == old_records
    assert set(first.records["run"]).isdisjoint(second.records["run"])
    assert _run(make(), out).computed == 0


def test_digests_follow_what_code_means(toys: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy links are a single module that lies beside its metadata, as in an editable installation."""
    package = Path(shutil.copytree(Path(toys.__file__).parent, tmp_path / "toy"))
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.delitem(sys.modules, "toy_links")  # What is imported already counts as it was found then.
    module, found = package / "toy_links.py", [code.link_digest("toy")]
    text = module.read_text()
    for changed in (text.replace("num_symbols", "number"), f"# a comment\n{text}", text.replace("the rows", "rows")):
        module.write_text(changed)
        found.append(code.link_digest("toy"))
    assert found[0] != found[1] and found[0] == found[2] == found[3]
    assert code.link_digest("avif") is None


def test_the_digest_of_the_package_covers_what_links_are_made_of() -> None:
    names = {path.relative_to(Path(str(taskwave.__file__)).parent).as_posix() for path in code._files()}
    assert {"phy/coding/qam.py", "phy/grid/pilots.py", "semantic/language/lexicon.toml"} & names
    assert "scenarios/sweep/evaluation.py" in names
    assert not any(name.startswith(("semantic/training", "phy/validation", "scenarios/figures")) for name in names)


def test_provenance_says_what_made_the_records(make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _run(make(), out)
    made = json.loads((out / "provenance.json").read_text())
    assert made["seed"] == 7 and made["configuration"] == make().scenario.model_dump(mode="json")
    assert made["weights"] == {"toy": "weights"} and made["code"] == code.code_digest()
    assert made["packages"]["torch"] == torch.__version__ and made["date"].endswith("+00:00")
    assert set(made["links_of_other_packages"]) == {"toy", "toy-twin"} and made["sessions"] == []
    metadata = {k.decode(): v.decode() for k, v in pq.read_schema(out / PARQUET).metadata.items()}
    assert provenance.from_texts(metadata) == made
    _run(make(), out)
    assert provenance.read(out) == made, "nothing was computed"
    _run(make(GROWN), out)
    grown = provenance.read(out)
    assert grown is not None and {**grown, "sessions": []} == made
    assert [session["configuration"]["sweep"]["es_n0_db"] for session in grown["sessions"]] == [[-20, 0, 10]]


def test_the_commit_is_told_only_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is installed below somebody else's checkout is not tracked there."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "site-packages" / "taskwave").mkdir(parents=True)
    installed = tmp_path / "site-packages" / "taskwave" / "__init__.py"
    installed.write_text("")
    monkeypatch.setattr(taskwave, "__file__", str(installed))
    assert provenance._commit() == (None, None)


def test_fades_are_channels_of_their_own_and_the_first_stays(make, tmp_path: Path) -> None:
    one, three = make("radio.channel=rayleigh"), make("radio.channel=rayleigh", "sweep.fades=3")
    points = [point for point in sweep_points(three.scenario) if point.link == "toy" and point.budget == 200]
    assert [point.fade for point in points] == [0] * 4 + [1] * 4 + [2] * 4
    airs = [three.air(SweepPoint(0, 0.0, 200, "toy", fade=fade)) for fade in range(3)]
    paths = [air.forward(0).path_coefficients(1) for air in airs]
    assert paths[0].equal(one.air(SweepPoint(0, 0.0, 200, "toy")).forward(0).path_coefficients(1))
    assert not paths[1].equal(paths[0]) and not paths[2].equal(paths[1])
    noises = [air.forward(0).noise((4,), 0, "data") for air in airs]
    assert not noises[1].equal(noises[0])
    records = _run(three, tmp_path / "out").records
    assert set(records["fade"]) == {0, 1, 2} and not records.duplicated(list(POSITION)).any()


def test_a_strip_is_transmitted_once(make, toys: ModuleType, tmp_path: Path) -> None:
    evaluator = make("strip={es_n0_db=0, budget=200, link='toy', baseline='toy-twin', task='cars', images=2}")
    config = evaluator.scenario.strip
    first = strip_file.kept_strip(evaluator, config, tmp_path)
    num_calls = len(toys.Toy.calls)
    again, read = strip_file.kept_strip(evaluator, config, tmp_path), strip_file.read_strip(tmp_path)
    assert len(toys.Toy.calls) == num_calls > 0 and read is not None
    for strip in (again, read):
        assert strip.caption == first.caption
        assert [column.notes for column in strip.columns] == [column.notes for column in first.columns]
        assert all(torch.equal(a.images, b.images) for a, b in zip(strip.columns, first.columns, strict=True))
    strip_file.kept_strip(evaluator, config.model_copy(update={"budget": 300}), tmp_path)
    assert len(toys.Toy.calls) == num_calls + 2, "another budget is transmitted"
    (tmp_path / STRIP).write_bytes(b"PK")
    assert strip_file.read_strip(tmp_path) is None


def test_points_are_computed_in_one_thread_however_many_the_machine_has(make, tmp_path: Path) -> None:
    before, seen = torch.get_num_threads(), set[int]()
    torch.set_num_threads(2)
    try:
        runner.run(make(), tmp_path / "out", lambda *_: seen.add(torch.get_num_threads()))
        assert seen == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_interrupts_the_keeping_of_a_skipped_budget_is_one_exception(
    make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    evaluator, store = make(), PointStore(tmp_path)
    too_small = next(point for point in sweep_points(evaluator.scenario) if point.budget == 50)
    monkeypatch.setattr(PointStore, "put", interrupted)
    with pytest.raises(KeyboardInterrupt) as raised:
        executors.compute(evaluator, too_small, store, "key")
    assert raised.value.__context__ is None


@pytest.mark.slow
def test_a_process_that_remembers_much_goes_on(make, tmp_path: Path) -> None:
    """Where psutil is installed, loky would replace it by a new one, which has to load everything again."""
    held = "globals().setdefault('held', b'x' * 500_000_000)"
    with executors._started([make()], tmp_path, 1) as pool:
        first = pool.submit(os.getpid).result()
        for _ in range(3):
            pool.submit(exec, held).result()
            pool.submit(time.sleep, 1.1).result()  # It looks at the memory once a second.
        assert pool.submit(os.getpid).result() == first


def test_several_jobs_give_the_same_records(make, tmp_path: Path) -> None:
    grid = ("radio.channel=rayleigh", GROWN)
    one, two = _run(make(*grid), tmp_path / "one"), _run(make(*grid), tmp_path / "two", jobs=2)
    pd.testing.assert_frame_equal(one.records, two.records)
    assert (tmp_path / "one/records.csv").read_bytes() == (tmp_path / "two/records.csv").read_bytes()
    assert two.skipped == one.skipped and two.computed == one.computed
    with pytest.raises(ValueError, match="toy-greedy"):
        _run(make("sweep.links=['toy-greedy']"), tmp_path / "three", jobs=2)
    with pytest.raises(ValueError, match="jobs = 0"):
        _run(make(), tmp_path / "four", jobs=0)


PROCESS = """
import sys
from pathlib import Path
import toy_links
from taskwave.scenarios.config import loading
from taskwave.scenarios.sweep import runner
from taskwave.scenarios.sweep.evaluation import Evaluator
scenario = loading.load(sys.argv[1], sys.argv[3:])
evaluator = Evaluator(scenario, toy_links.Models())
print("ready", flush=True)
sys.stdin.readline()
runner.run(evaluator, Path(sys.argv[2]), lambda done, total, point: None, append=True)
"""


def test_two_processes_in_one_folder_do_not_harm_each_other(
    make, toys: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(toys.__file__).parent))
    out, grids = tmp_path / "out", ["sweep.es_n0_db=[-20, -15, -10]", "sweep.es_n0_db=[-10, 0, 5]"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path / "toy.toml"), str(out), grid],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for grid in grids
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    told = []
    for process in processes:  # Both are ready: now they start together.
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        told.append(process.communicate(timeout=300)[1])
    assert [process.returncode for process in processes] == [0, 0], told
    records = read_records(out)
    assert set(records["es_n0_db"]) == {-20, -15, -10, 0, 5} and not records.duplicated(list(POSITION)).any()
    assert not list(out.rglob("*.partial")) and len(read_grids(out)) == 2
    alone = _run(make("sweep.es_n0_db=[-20, -15, -10, 0, 5]"), tmp_path / "alone").records
    columns = [*POSITION, "numerator", "denominator", "outage"]
    order = ["link", "task", "es_n0_db", "budget", "image"]
    pd.testing.assert_frame_equal(
        records[columns].sort_values(order, ignore_index=True), alone[columns].sort_values(order, ignore_index=True)
    )
    made = provenance.read(out)
    assert made is not None and len(made["sessions"]) == 1


def test_a_damaged_list_of_grids_is_named(make, tmp_path: Path) -> None:
    _run(make(), tmp_path / "out")
    (tmp_path / "out" / "points" / "grids.json").write_text("[{}]")
    with pytest.raises(StorageError, match=r"grids\.json: damaged"):
        _run(make(), tmp_path / "out")
