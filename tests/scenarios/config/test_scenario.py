"""Scenario files and overrides: what is accepted, and that each fault is named by file, key, value and remedy."""

import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from taskwave.phy.radio import Radio
from taskwave.scenarios.config import loading
from taskwave.scenarios.config.scenario import Scenario, task_name


@pytest.fixture
def file(toys: ModuleType, tmp_path: Path) -> Path:
    path = tmp_path / "toy.toml"
    path.write_text(toys.SCENARIO)
    return path


def _fault(file: Path, *overrides: str) -> str:
    with pytest.raises(loading.ScenarioError) as caught:
        loading.load(str(file), overrides)
    message = str(caught.value)
    assert "Traceback" not in message and len(message) < 1500
    return message


def test_reads_what_is_written(file: Path) -> None:
    scenario = loading.load(str(file))
    assert scenario.sweep.es_n0_db == (-20, 0)
    assert scenario.images.batch == 2
    assert [task_name(task) for task in scenario.parsed_tasks()] == ["car", "road+pavement"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.tensorflow) if name == "neural-receiver" else name
        for name in loading.built_in()
    ],
)
def test_built_in_scenarios_are_good(name: str) -> None:
    scenario = loading.load(name)
    assert scenario.name == name
    radio = Radio(scenario.radio)
    assert radio.allocator(scenario.radio.num_layers).capacity(min(scenario.sweep.budgets)) > 0


def test_has_the_promised_scenarios() -> None:
    assert {"quickstart", "camvid-cdl", "camvid-bandwidth", "awgn", "mimo"} <= set(loading.built_in())


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sweep.es_n0_dB=[1]", ["sweep.es_n0_dB", "unknown key", "did you mean 'es_n0_db'", "budgets"]),
        ("sede=1", ["sede", "unknown key", "'seed'"]),
        ("radio.antenas=1", ["radio.antenas", "unknown key", "num_tx_ant"]),
        ("strip.es_n0_db=0", ["strip.budget", "missing"]),
        ("seed='one'", ["seed = 'one'", "integer"]),
        ("seed=1.5", ["seed = 1.5", "integer"]),
        ("seed=-1", ["seed = -1", "greater than or equal to 0"]),
        ("seed=true", ["seed = True", "integer"]),
        ("images.count='3'", ["images.count = '3'", "integer"]),
        ("images.count=0", ["images.count = 0", "greater"]),
        ("images.source=camvit", ["images.source = 'camvit'", "did you mean 'camvid'", "streets"]),
        ("images.split=validation", ["images.split = 'validation'", "'val'"]),
        ("sweep.es_n0_db=[nan]", ["sweep.es_n0_db[0] = nan", "finite"]),
        ("sweep.es_n0_db=[0, inf]", ["sweep.es_n0_db[1] = inf", "finite"]),
        ("sweep.es_n0_db=[-inf]", ["sweep.es_n0_db[0] = -inf", "finite"]),
        ("sweep.es_n0_db=[1e9]", ["sweep.es_n0_db[0] = 1000000000.0", "100"]),
        ("sweep.es_n0_db=[]", ["sweep.es_n0_db = []", "at least 1"]),
        ("sweep.es_n0_db=10", ["sweep.es_n0_db = 10", "list"]),
        ("sweep.es_n0_db=[5, 5]", ["sweep.es_n0_db", "5", "twice"]),
        ("sweep.budgets=[0]", ["sweep.budgets[0] = 0", "greater"]),
        ("sweep.budgets=[]", ["sweep.budgets", "at least 1"]),
        ("sweep.links=[]", ["sweep.links", "at least 1"]),
        ("sweep.links=['task-adaptiv']", ["sweep.links[0] = 'task-adaptiv'", "did you mean 'task-adaptive'", "avif"]),
        ("tasks=[]", ["tasks", "at least 1"]),
        ("tasks=['']", ["tasks[0] = ''", "empty"]),
        ("tasks=['автомобили']", ["tasks[0]", "Latin"]),
        ("tasks=['zebras']", ["tasks[0] = 'zebras'", "no known class", "pedestrian"]),
        ("tasks=['cars and zebras']", ["tasks[0]", "zebras"]),
        ("tasks=['cars on the left']", ["tasks[0]", "whole image"]),
        ("tasks=['cars', 'vehicles']", ["'cars'", "'vehicles'", "car"]),
        ("radio.channel=cdl-z", ["radio.channel = 'cdl-z'", "'cdl-c'"]),
        ("radio.num_layers=2", ["radio", "num_layers 2", "antennas"]),
        ("images.folder=/somewhere", ["images.folder", "generated"]),
        ("name='a b'", ["name = 'a b'"]),
        ("images=3", ["images = 3"]),
    ],
)
def test_each_fault_is_named(file: Path, override: str, told: list[str]) -> None:
    message = _fault(file, override)
    assert str(file) in message
    for part in told:
        assert part in message, message


def test_a_prompt_of_10_kb_is_refused_without_repeating_it(file: Path) -> None:
    message = _fault(file, f"tasks=['{'cars ' * 2000}']")
    assert "10000" in message and "256" in message


def test_several_faults_are_all_told(file: Path) -> None:
    assert len(_fault(file, "seed=-1", "images.count=0").splitlines()) == 2


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("seed = \n")
    assert "not valid TOML" in _fault(bad) and str(bad) in _fault(bad)
    bad.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in _fault(bad)


def test_an_unknown_name_lists_what_there_is() -> None:
    message = _fault(Path("quickstrat"))
    assert "Did you mean 'quickstart'" in message and "camvid-cdl" in message


@pytest.mark.parametrize(
    ("text", "parts", "value"),
    [
        ("seed=3", ("seed",), 3),
        ("sweep.es_n0_db=[0, 2.5]", ("sweep", "es_n0_db"), [0, 2.5]),
        ("radio.channel=awgn", ("radio", "channel"), "awgn"),
        ("images.folder=/data/a b", ("images", "folder"), "/data/a b"),
        ("name='x=y'", ("name",), "x=y"),
        ("flag=true", ("flag",), True),
    ],
)
def test_overrides_are_read_as_toml(text: str, parts: tuple[str, ...], value: object) -> None:
    assert loading.parse_override(text) == (parts, value)


@pytest.mark.parametrize("text", ["seed", "=3", "seed=", "a..b=1", "x=[1", "x={", "x=1\ny=2", "x='a"])
def test_overrides_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(loading.ScenarioError, match="--set"):
        loading.parse_override(text)


def test_override_leaves_the_rest_alone() -> None:
    tables = tomllib.loads("a = 1\n[b]\nc = 2\nd = 3")
    assert loading.override(tables, ("b", "c"), 9) == {"a": 1, "b": {"c": 9, "d": 3}}
    assert tables["b"]["c"] == 2
    with pytest.raises(loading.ScenarioError, match="is a value"):
        loading.override(tables, ("a", "b"), 1)


def test_strip_must_show_one_of_the_tasks(file: Path) -> None:
    strip = "strip={es_n0_db=0, budget=200, link='toy', baseline='toy-twin', task='trees'}"
    assert "'trees'" in _fault(file, strip)
    assert loading.load(str(file), [strip.replace("trees", "cars")]).strip is not None


def test_a_scenario_cannot_be_changed(file: Path) -> None:
    scenario = loading.load(str(file))
    with pytest.raises(ValueError, match="frozen"):
        scenario.seed = 2  # type: ignore[misc]
    assert Scenario.model_validate(scenario.model_dump()) == scenario
