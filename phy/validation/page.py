"""The page: HTML with its figures inside, and the numbers as CSV and JSON."""

import base64
import html
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from taskwave.phy.drawing import save
from taskwave.phy.validation.checks import Check, Section

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
img { max-width: 100%; } p { max-width: 60rem; }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: 2px 10px; border-bottom: 1px solid #e4e4e4; }
th { text-align: left; font-weight: 600; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
.pass { color: #00734f; } .fail { color: #b00020; font-weight: 700; } .fail-row { background: #fdecee; }
.verdict { padding: .6rem 1rem; border-left: 5px solid; background: #f6f6f6; }
details summary { cursor: pointer; color: #555; font-size: 13px; }
"""


def write(folder: Path, sections: Mapping[str, Section], seconds: float, command: str, version: str) -> list[Path]:
    """Write `index.html`, `checks.csv`, `checks.json` and the figures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        name: save(figure, folder / f"{name}.png")
        for section in sections.values()
        for name, figure in section.figures.items()
    }
    table = records(sections)
    table.to_csv(folder / "checks.csv", index=False)
    plain = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in table.to_dict("records")]
    (folder / "checks.json").write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    body = [_head(sections, seconds, command, version)]
    body += [_section(name, section, pictures) for name, section in sections.items()]
    page = folder / "index.html"
    page.write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>TaskWave: validation</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )
    return [page, folder / "checks.csv", folder / "checks.json", *pictures.values()]


def records(sections: Mapping[str, Section]) -> pd.DataFrame:
    """One row a check: group, name, measured, expected, low, high, trials, source, passed."""
    rows = [
        {"group": name, **asdict(check), "passed": check.passed}
        for name, section in sections.items()
        for check in section.checks
    ]
    return pd.DataFrame(rows)


def number(value: float) -> str:
    """Three or four digits."""
    if math.isnan(value):
        return "–"
    if value == 0 or value == int(value):
        return f"{value:g}"
    return f"{value:.2e}" if abs(value) < 0.01 else f"{value:.4g}"


def _head(sections: Mapping[str, Section], seconds: float, command: str, version: str) -> str:
    failed = [c for s in sections.values() for c in s.checks if not c.passed]
    total = sum(len(s.checks) for s in sections.values())
    kind = "fail" if failed else "pass"
    verdict = f"{len(failed)} of {total} checks FAIL" if failed else f"all {total} checks pass"
    rows = "".join(
        f'<tr><td><a href="#{name}">{html.escape(s.title)}</a></td>'
        f'<td class="n">{sum(c.passed for c in s.checks)} of {len(s.checks)}</td>'
        f"<td>{_mark(all(c.passed for c in s.checks))}</td></tr>"
        for name, s in sections.items()
    )
    return (
        "<h1>TaskWave: the radio against theory and standards</h1>"
        f'<p class="verdict {kind}">{verdict}</p>'
        f"<table><tr><th>group</th><th>passed</th><th></th></tr>{rows}</table>"
        f"<p><code>{html.escape(command)}</code>, TaskWave {html.escape(version)}, {seconds:.0f} s. Counts pass when "
        "|k − np| ≤ 5√(np(1 − p)) + 1 with np ≥ 100, means within five standard errors, exact values within the stated "
        "tolerance. Seeds are fixed: a failure is a change, not luck.</p>"
    )


def _section(name: str, section: Section, pictures: Mapping[str, Path]) -> str:
    figures = "".join(
        f'<p><img alt="{html.escape(section.title)}" src="data:image/png;base64,'
        f'{base64.b64encode(pictures[figure].read_bytes()).decode()}"></p>'
        for figure in section.figures
    )
    rows = "".join(map(_row, section.checks))
    failing = any(not c.passed for c in section.checks)
    return (
        f'<h2 id="{name}">{html.escape(section.title)}</h2><p>{html.escape(section.text)}</p>{figures}'
        f"<details{' open' if failing else ''}><summary>{len(section.checks)} checks</summary>"
        "<table><tr><th>check</th><th>measured</th><th>expected</th><th>allowed</th><th>trials</th><th>source</th>"
        f"<th></th></tr>{rows}</table></details>"
    )


def _row(check: Check) -> str:
    trials = f"{check.trials:,}" if check.trials else "exact"
    return (
        f"<tr{'' if check.passed else ' class=fail-row'}><td>{html.escape(check.name)}</td>"
        f'<td class="n">{number(check.measured)}</td><td class="n">{number(check.expected)}</td>'
        f'<td class="n">{number(check.low)} … {number(check.high)}</td><td class="n">{trials}</td>'
        f"<td>{html.escape(check.source)}</td><td>{_mark(check.passed)}</td></tr>"
    )


def _mark(passed: bool) -> str:
    return '<span class="pass">pass</span>' if passed else '<span class="fail">FAIL</span>'
