"""Recipes: every fault is a line that names key, value and what is allowed; docs describe every key."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from taskwave.semantic.training.networks import Networks, sized
from taskwave.semantic.training.recipe import NEEDS, STAGES, ImageSource, Recipe, Stage, bundled_recipes, load_recipe

ROOT = Path(__file__).resolve().parents[3]
TINY = (ROOT / "semantic/training/recipes/tiny.toml").read_text()


def broken(folder: Path, old: str, new: str) -> str:
    assert old in TINY
    path = folder / "mine.toml"
    path.write_text(TINY.replace(old, new, 1))
    return str(path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("steps = 60", "steps = 0", "codec.steps = 0: Input should be greater than 0"),
        ("steps = 60", "steps = true", "codec.steps = True: Input should be a valid integer"),
        ("steps = 60", 'steps = "60"', "codec.steps = '60': Input should be a valid integer"),
        ("steps = 60", "steps = 1.5", "codec.steps = 1.5"),
        ("steps = 60, ", "", "codec.steps: this key is missing"),
        ("lr = 1e-3", "lr = nan", "codec.lr = nan"),
        ("lr = 1e-3", 'lr = "fast"', "codec.lr = 'fast'"),
        ("lr = 1e-3", "lr = 1e-3, optimiser = 3", "codec.optimiser: unknown key; allowed here: steps, lr, batch"),
        ("batch = 8", "bath = 8", "codec.bath: unknown key; did you mean 'batch'?"),
        ("seed = 0", "seed = -1", "seed = -1"),
        ("seed = 0", f"seed = {2**63}", f"seed = {2**63}"),
        ("count = 24", "count = 0", "labelled.count = 0"),
        ("size = [96, 128], count = 24", "size = [96], count = 24", "labelled.size"),
        ("size = [96, 128], count = 24", "size = [8, 128], count = 24", "labelled.size.0 = 8"),
        ("size = [96, 128], count = 8", "size = [96, 100], count = 8", "val.size = [96, 100]: allowed are multiples"),
        ('split = "train"', 'split = "training"', "labelled.split = 'training': Input should be 'train', 'val' or"),
        ("finetune = { ", "finetune = { network = { widths = [1] }, ", "finetune.network: this stage continues"),
        ("encoder_width = 32", "encoder_width = 0", "encoder_width = 0: allowed are whole numbers from 1"),
        ("widths = [32, 48]", 'widths = [32, "a"]', "widths = [32, 'a']: allowed are whole numbers from 1"),
        ("seed = 0", "seed 0", "not a TOML file in UTF-8"),
    ],
)
def test_a_fault_names_file_key_value_and_what_is_allowed(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = broken(tmp_path, old, new)
    with pytest.raises(ValueError) as caught:
        load_recipe(path)
    assert told in str(caught.value) and path in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("widths = [32, 48]", "widths = [33, 48]", r"prior.network = .*no network has this size"),
        ("widths = [32, 48]", "width = [32, 48]", r"prior.network.width: unknown key; allowed here: widths"),
        ("widths = [16, 24, 32]", "widths = [16]", "general.network"),
        ("widths = [8, 16, 32, 48]", "classes = 3", "segmentation.network.classes: unknown key"),
    ],
)
def test_an_impossible_network_is_refused_before_any_training(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Networks(load_recipe(broken(tmp_path, old, new))).check()


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TINY.encode())
    assert load_recipe(str(path)) == load_recipe("tiny")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text(TINY.replace("seed = 0", "seed = -1").replace("steps = 30", "steps = 0"))
    with pytest.raises(ValueError) as caught:
        load_recipe(str(path))
    assert len(str(caught.value).splitlines()) == 2


def test_a_recipe_loads_without_torch() -> None:
    script = "import sys; from taskwave.semantic.training.plan import make_plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_no_stage_needs_a_later_one() -> None:
    for index, stage in enumerate(STAGES):
        assert set(NEEDS[stage]) <= set(STAGES[:index])


@pytest.mark.parametrize("name", bundled_recipes())
def test_networks_of_bundled_recipes_can_be_built(name: str) -> None:
    assert min(Networks(load_recipe(name)).check().values()) > 1000


def _tables(text: str) -> dict[str, dict[str, str]]:
    """Return for every heading of the page the first two columns of its table: key and default."""
    tables: dict[str, dict[str, str]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.strip("# ")
        elif found := re.match(r"\| `([\w.]+)` \| (.*?) \|", line):
            tables.setdefault(heading, {})[found[1]] = found[2]
    return tables


@pytest.mark.parametrize(
    ("heading", "model"),
    [("Keys of a recipe", Recipe), ("Keys of an image source", ImageSource), ("Keys of a stage", Stage)],
)
def test_the_page_of_training_has_every_key_with_its_default(heading: str, model: type) -> None:
    described = _tables((ROOT / "docs/training.md").read_text())[heading]
    assert list(described) == list(model.model_fields)
    for key, field in model.model_fields.items():
        default = "required" if field.default is PydanticUndefined else "none" if field.default is None else None
        text = default or ("`{ }`" if field.default == {} else f"`{field.default}`")
        assert described[key] == text, key


def test_the_page_of_training_has_every_stage_with_its_needs_and_sizes() -> None:
    text = (ROOT / "docs/training.md").read_text()
    rows = {m[1]: m[0] for m in re.finditer(r"^\| `(\w+)` \|.*$", text, re.M) if m[1] in STAGES}
    described = _tables(text)["The stages"]
    assert list(described) == list(STAGES)
    for stage in STAGES:
        row = re.search(rf"^\| `{stage}` \| .*\|$", text, re.M)
        assert row is not None and rows
        cells = [cell.strip() for cell in row[0].strip("|").split("|")]
        assert cells[2] == (", ".join(NEEDS[stage]) or "–")
        size = sized(stage) if stage not in ("finetune", "joint") else ()
        assert cells[3] == (", ".join(f"`{name}`" for name in size) or "–")
