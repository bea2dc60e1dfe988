"""What README and docs show must be what the program takes."""

import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from taskwave.phy.config.radio import RadioConfig
from taskwave.scenarios.config import loading

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
pytestmark = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def text(page: Path) -> str:
    """Continued lines are one."""
    return page.read_text(encoding="utf-8").replace("\\\n", "")


def test_toml_is_toml_that_radios_take(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", text(page), re.DOTALL):
        RadioConfig.model_validate(tomllib.loads(block).get("radio", {}))


def test_commands_name_settings_that_exist(page: Path) -> None:
    for line in re.findall(r"^ *taskwave (?:run|check|rates) .*$", text(page), re.MULTILINE):
        words = shlex.split(line, comments=True)[2:]
        if words[0] in loading.built_in():
            loading.load(words[0], [value for option, value in pairwise(words) if option == "--set"])


def test_links_and_images_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text(page)):
        assert (page.parent / target).exists(), target


def test_files_and_modules_are_there(page: Path) -> None:
    for path in re.findall(r"`((?:phy|semantic|links|scenarios)/[\w/]+\.\w+)`", text(page)):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"(?:from|import) taskwave\.([\w.]+)", text(page)):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or path.is_dir(), module
