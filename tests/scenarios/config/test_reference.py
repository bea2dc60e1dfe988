"""The reference has every key with its meaning, and the commented file is a scenario."""

import re
from pathlib import Path

import pytest

from taskwave.scenarios.config import loading
from taskwave.scenarios.config.reference import page, tables, template

PAGE = Path(__file__).parents[3] / "docs" / "keys.md"


def test_every_key_says_what_it_means() -> None:
    keys = [key for table in tables() for key in table.keys]
    assert len(keys) > 80
    assert [f"{key.table}.{key.name}" for key in keys if not (key.text and key.allowed)] == []
    assert len({(key.table, key.name) for key in keys}) == len(keys)


def test_the_page_in_docs_is_the_one_that_the_command_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "taskwave keys > docs/keys.md"


def test_the_commented_file_loads_and_means_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(template("mine"), encoding="utf-8")
    scenario = loading.load(str(path))
    assert scenario.name == "mine" and scenario.sweep.budgets == (500, 1000, 2000)


@pytest.mark.parametrize("table", [table for table in tables() if not table.optional], ids=lambda table: table.name)
def test_a_default_in_a_comment_can_be_taken_as_it_is(table, tmp_path: Path) -> None:
    text = template("mine")
    path = tmp_path / "mine.toml"
    for key in table.keys:
        line = f"# {key.name} = {key.default}"
        if key.default and line in text:
            start = text.index(f"[{table.name}]") if table.name else 0
            at = text.index(line, start)
            path.write_text(text[:at] + text[at + 2 :], encoding="utf-8")
            loading.load(str(path))


def test_all_comments_are_within_the_width(tmp_path: Path) -> None:
    assert max(len(line) for line in template("mine").splitlines() if not re.match("# [a-z_]+ =", line)) <= 120
