"""Writer of the validation page: HTML with its figures inside, and the same numbers as CSV and JSON."""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path

import pandas as pd
from jinja2 import Environment, StrictUndefined

from taskwave.phy.drawing import save
from taskwave.phy.files import write_text
from taskwave.phy.validation.checks import Section


def write(folder: Path, sections: Mapping[str, Section], seconds: float, command: str, version: str) -> list[Path]:
    """Write `index.html`, `checks.csv`, `checks.json` and the figures into `folder`.

    Args:
        folder: folder of the page; it is made if it is missing.
        sections: groups of checks by name, in the order of the page.
        seconds: time that the checks took [s].
        command: command line that ran the checks.
        version: version of TaskWave.

    Returns:
        Paths of all files written, the page first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        name: save(figure, folder / f"{name}.png")
        for section in sections.values()
        for name, figure in section.figures.items()
    }
    table = records(sections)
    write_text(folder / "checks.csv", table.to_csv(index=False))
    plain = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in table.to_dict("records")]
    write_text(folder / "checks.json", json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    page = folder / "index.html"
    write_text(page, _render(sections, figures, seconds, command, version))
    return [page, folder / "checks.csv", folder / "checks.json", *figures.values()]


def records(sections: Mapping[str, Section]) -> pd.DataFrame:
    """Return one row a check: group, name, measured, expected, low, high, trials, source, passed."""
    rows = [
        {"group": name, **asdict(check), "passed": check.passed}
        for name, section in sections.items()
        for check in section.checks
    ]
    return pd.DataFrame(rows)


def number(value: float) -> str:
    """Format a number with three or four digits, NaN as a dash."""
    if math.isnan(value):
        return "–"
    if value == 0 or value == int(value):
        return f"{value:g}"
    return f"{value:.2e}" if abs(value) < 0.01 else f"{value:.4g}"


def _render(
    sections: Mapping[str, Section], figures: Mapping[str, Path], seconds: float, command: str, version: str
) -> str:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters["number"] = number
    template = resources.files("taskwave.phy.validation") / "page.html.j2"
    return environment.from_string(template.read_text()).render(
        sections=sections,
        failed=sum(len(section.failed) for section in sections.values()),
        total=sum(len(section.checks) for section in sections.values()),
        pngs={name: _data_url(path) for name, path in figures.items()},
        seconds=f"{seconds:.0f}",
        command=command,
        version=version,
    )


def _data_url(png: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode()}"
