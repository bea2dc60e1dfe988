"""Scenario files and overrides: what is accepted, and that each fault is named by file, key, value and remedy."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from taskwave.phy.radio import Radio
from taskwave.scenarios.config import loading
from taskwave.scenarios.config.scenario import Scenario


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
    assert [task.name for task in scenario.parsed_tasks()] == ["car", "road+pavement"]


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
        ("tasks=['zebras']", ["tasks[0] = 'zebras'", "unknown words: 'zebras'", "segmentation: 'zebra crossings'"]),
        ("tasks=['cars and zebras']", ["tasks[0]", "zebras"]),
        ("tasks=['cars on the left']", ["tasks[0]", "whole image"]),
        ("tasks=['cars', 'vehicles']", ["'cars'", "'vehicles'", "car"]),
        ("radio.channel=cdl-z", ["radio.channel = 'cdl-z'", "'cdl-c'"]),
        ("radio.num_layers=2", ["radio", "num_layers 2", "antennas"]),
        ("images.folder=/somewhere", ["images.folder", "generated"]),
        ("name='a b'", ["name = 'a b'"]),
        ("images=3", ["images = 3"]),
        ("images.source=folder", ["images.source 'folder'", "give images.folder"]),
        ("images.size='480,352'", ["images.size = '480,352'", "WIDTHxHEIGHT in pixels", '"480x352"']),
        ("images.size=[352, 480]", ["images.size = [352, 480]", "WIDTHxHEIGHT in pixels"]),
        ("images.size=352", ["images.size = 352", "WIDTHxHEIGHT in pixels"]),
        ("images.size=480x15", ["images.size = '480x15'", "each from 16 to 8192"]),
        ("images.size=9000x352", ["images.size = '9000x352'", "each from 16 to 8192"]),
        ("images={source='gtsdb', size='480x352'}", ["images.size '480x352'", "'gtsdb' keep the size", "camvid"]),
        ("images={source='boxes', size='480x352'}", ["images.size '480x352'", "'boxes' keep the size", "camvid"]),
        ("images={source='cifar10', size='64x64'}", ["images.size '64x64'", "'cifar10' keep the size"]),
        ("images.folder=2024", ["images.folder = 2024", "as text, in quotation marks"]),
        ("radio.num_tx_ant=true", ["radio.num_tx_ant = True", "integer"]),
        ("radio.num_tx_ant=1.0", ["radio.num_tx_ant = 1.0", "integer"]),
        ("radio.delay_spread_ns='100'", ["radio.delay_spread_ns = '100'", "number"]),
        ("radio.delay_spread_ns=true", ["radio.delay_spread_ns = True", "number"]),
        ("radio.delay_spread_ns=1e999", ["radio.delay_spread_ns = inf", "finite"]),
        ("radio.sync_symbols=1", ["radio.sync_symbols = 1", "boolean"]),
        ("radio.csi=true", ["radio.csi = True", "'lmmse'"]),
        ("radio.neural_weights=3", ["radio.neural_weights = 3", "path"]),
        ("radio.drop={distance_m='50'}", ["radio.drop.distance_m = '50': Input should be a valid number"]),
        ("radio.drop={distance_m=[50, 60, 70]}", ["radio.drop.distance_m = (50, 60, 70)", "at most 2"]),
        ("radio.drop={indoor=1}", ["radio.drop.indoor = 1", "boolean"]),
        ("radio.precoding={csi_age_slots=true}", ["radio.precoding.csi_age_slots = True", "integer"]),
        ("radio.impairments={adc_bits='8'}", ["radio.impairments.adc_bits = '8'", "integer"]),
        ("radio.impairments={amplifier={model='rapp', input_backoff_db=nan}}", ["input_backoff_db = nan", "finite"]),
        ("radio.link_budget={tx_power_dbm=true}", ["radio.link_budget.tx_power_dbm = True", "number"]),
    ],
)
def test_each_fault_is_named(file: Path, override: str, told: list[str]) -> None:
    message = _fault(file, override)
    assert str(file) in message
    for part in told:
        assert part in message, message


@pytest.mark.parametrize(
    ("key", "largest"),
    [
        ("seed", 2**63 - 1), ("sweep.budgets", 10**9), ("sweep.fades", 64), ("sweep.occasions", 16),
        ("images.count", 10**9), ("images.batch", 256), ("radio.max_prb", 275), ("radio.max_slots", 320),
        ("radio.k_best_paths", 1024), ("radio.turnaround_slots", 320), ("radio.num_rx_ant", 8),
        ("radio.precoding.csi_age_slots", 320), ("radio.impairments.adc_bits", 24),
    ],
)  # fmt: skip
@pytest.mark.parametrize("beyond", ["", hex(2**63), hex(2**64), "1" + 30 * "0", "0x1" + 5000 * "0"], ids=len)
def test_integers_that_are_too_large_are_refused_with_the_largest(
    file: Path, key: str, largest: int, beyond: str
) -> None:
    value = beyond or largest + 1
    message = _fault(file, f"{key}=[{value}]" if key == "sweep.budgets" else f"{key}={value}")
    assert f"{key}" in message and f"less than or equal to {largest}" in message


def test_the_largest_seed_is_good(file: Path) -> None:
    assert loading.load(str(file), [f"seed={2**63 - 1}"]).seed == 2**63 - 1


def test_a_number_that_python_does_not_read_is_refused(file: Path, tmp_path: Path) -> None:
    assert "digits" in _fault(file, f"seed={'9' * 5000}")
    long = tmp_path / "long.toml"
    long.write_text(f"seed = {'9' * 5000}")
    assert str(long) in _fault(long)
    long.write_text("seed = " + "[" * 100_000)
    assert str(long) in _fault(long)


def _numbers(model: type[BaseModel], name: str = "") -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield every number of a table and of those within it: its key, and the schemas of its numbers."""
    for key, field in model.model_fields.items():
        types = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = [t for t in types if isinstance(t, type) and issubclass(t, BaseModel)]
        for table in inner:
            yield from _numbers(table, f"{name}{key}.")
        if not inner:
            yield f"{name}{key}", list(_schemas(model.model_json_schema()["properties"][key]))


def _schemas(value: dict[str, Any]) -> Iterator[dict[str, object]]:
    if value.get("type") in {"integer", "number"} and "enum" not in value:
        yield value
    inner = value.get("anyOf", value.get("prefixItems", [value["items"]] if "items" in value else []))
    for branch in inner:
        yield from _schemas(branch)


@pytest.mark.parametrize(("key", "schemas"), [pytest.param(*row, id=row[0]) for row in _numbers(Scenario)])
def test_every_number_has_bounds(key: str, schemas: list[dict[str, object]]) -> None:
    if key.endswith("es_n0_db") and key != "radio.feedback_es_n0_offset_db":
        return  # Checked by `noise_variance`, see the faults above.
    for schema in schemas:
        assert {"minimum", "exclusiveMinimum"} & schema.keys() and {"maximum", "exclusiveMaximum"} & schema.keys()


@pytest.mark.parametrize(("written", "stored"), [("UMi", "umi"), ("CDL-C", "cdl-c"), ("Awgn", "awgn"), ("rma", "rma")])
def test_channels_are_read_in_any_case(file: Path, written: str, stored: str) -> None:
    assert loading.load(str(file), [f"radio.channel={written}"]).radio.channel == stored


def test_whole_numbers_stand_for_fractions(file: Path) -> None:
    radio = loading.load(str(file), ["radio.delay_spread_ns=100", "radio.drop={distance_m=[50, 100]}"]).radio
    assert isinstance(radio.delay_spread_ns, float) and radio.drop.radii_m == (50.0, 100.0)


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "short.toml"
    path.write_text('tasks = ["cars"]\n[sweep]\nes_n0_db = [0]\nbudgets = [500]\nlinks = ["avif"]\n')
    scenario = loading.load(str(path))
    assert (scenario.name, scenario.seed, scenario.weights, scenario.description) == ("short", 0, "roads", "")
    assert (scenario.images.source, scenario.images.split, scenario.images.count) == ("streets", "val", 8)
    assert scenario.radio.channel == "cdl-c" and scenario.sweep.fades == 1


def test_a_size_is_width_and_height(file: Path) -> None:
    assert loading.load(str(file), ["images.size=480x352"]).images.height_and_width == (352, 480)
    assert loading.load(str(file)).images.height_and_width is None


def test_what_was_read_can_be_written_and_read_again(file: Path) -> None:
    scenario = loading.load(
        str(file), ["images={source='folder', folder='a', count=1, size='64x48'}", "radio.drop={distance_m=[50, 100]}"]
    )
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_text_is_read_with_or_without_a_byte_order_mark(toys: ModuleType, tmp_path: Path, mark: str) -> None:
    path = tmp_path / "marked.toml"
    path.write_text(mark + toys.SCENARIO, encoding="utf-8")
    assert loading.load(str(path), [f"{mark}seed=3"]).seed == 3


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("seed = 1\n".encode("utf-16"), "text in UTF-16; allowed: UTF-8; save it again as UTF-8"),
        ("seed = 1\n".encode("utf-16-le"), "line 1 holds a zero byte, as UTF-16 without its mark does"),
        (b"seed = 1\nname = 'stra\xdfe'\n", "line 2 is not text in UTF-8 (byte 0xdf)"),
    ],
)
def test_files_in_other_encodings_are_refused_with_the_remedy(tmp_path: Path, raw: bytes, told: str) -> None:
    path = tmp_path / "other.toml"
    path.write_bytes(raw)
    assert told in _fault(path) and str(path) in _fault(path)


@pytest.mark.parametrize(
    ("override", "through"),
    [
        ("radio.channel.x=1", "radio.channel"),
        ("radio.channel.x.y=1", "radio.channel"),
        ("sweep.budgets.0=1", "sweep.budgets"),
        ("seed.x=1", "seed"),
    ],
)
def test_a_key_through_a_value_is_named_in_full(file: Path, override: str, through: str) -> None:
    assert f": {through} is a value, not a table" in _fault(file, override)


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


def test_a_key_that_is_given_twice_is_refused_unless_both_agree() -> None:
    with pytest.raises(loading.ScenarioError, match=r"--set seed is given twice: as 1 and 2"):
        loading.load("awgn", ["seed=1", "images.count=2", "seed=2"])
    assert loading.load("awgn", ["seed=1", "seed=1"]).seed == 1
