"""Commands that draw and compare stored runs of scenarios."""
# ruff: noqa: PLC0415  Modules that load torch or pandas are imported where they are used, so that help is quick.

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskwave.scenarios.cli.app import app, console, messages, print_paths, write_csv
from taskwave.scenarios.cli.reports import Choice, draw, print_notes

if TYPE_CHECKING:
    import pandas as pd


RunFolders = Annotated[list[Path], typer.Argument(metavar="RUN…", help="The --out folders of one or several runs.")]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="NAME", help="Name of a run, once for each; default its folder's."),
]
Out = Annotated[Path | None, typer.Option(help="Folder of what is written; default: the first run's.")]


class By(StrEnum):
    """Names what tells the lines of a panel apart."""

    LINK = "link"
    CHANNEL = "channel"
    RUN = "run"
    TASK = "task"
    BUDGET = "budget"


@app.command()
def plot(
    folders: RunFolders,
    by: Annotated[By, typer.Option(help="What tells the lines of a panel apart.")] = By.LINK,
    label: Labels = None,
    budget: Annotated[list[int] | None, typer.Option(help="Budgets to draw accuracy vs SNR for.")] = None,
    es_n0_db: Annotated[list[float] | None, typer.Option(help="SNRs to draw accuracy vs bandwidth for.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Tasks to draw, by their names in the records.")] = None,
    link: Annotated[list[str] | None, typer.Option(help="Links to draw; default: all.")] = None,
    out: Out = None,
) -> None:
    """Draw figures from the records of one or several runs, whatever their channels and links."""
    from taskwave.scenarios.figures.layout import METRICS
    from taskwave.scenarios.statistics.pooling import pool
    from taskwave.scenarios.statistics.sharing import join
    from taskwave.scenarios.sweep.records import STRIP

    runs = read_runs(folders, label or [])
    records = join(runs)
    suffix = _suffix(runs) + (f"-by-{by.value}" if by is not By.LINK else "")
    choice = Choice(by.value, budget or [], es_n0_db or [], task or [], link or [], suffix, _texts(folders))
    paths = []
    for metric in METRICS:
        if metric == "accuracy" or (metric in records and records[metric].notna().any()):
            pooled = pool(records, metric)
            print_notes(pooled.notes)
            paths += draw(pooled, out or folders[0], choice)
    if len(folders) == 1 and (folders[0] / STRIP).is_file():
        paths += _strip(folders[0], out or folders[0])
    print_paths(*paths)


def _strip(folder: Path, out: Path) -> list[Path]:
    """Draw the image strip that a run kept; none where its file cannot be read, which a line says."""
    from taskwave.phy.drawing import save
    from taskwave.scenarios.figures.strip import strip_figure
    from taskwave.scenarios.figures.strip_file import read_strip
    from taskwave.scenarios.sweep.records import STRIP

    strip = read_strip(folder)
    if strip is None:
        messages.print(f"{folder / STRIP}: damaged, no image strip; run the scenario again", markup=False)
        return []
    return [save(strip_figure(strip), out / "strip.png", _texts([folder]))]


@app.command()
def compare(
    folders: RunFolders,
    scheme: Annotated[str | None, typer.Option(help="Link under test; default: the first semantic one.")] = None,
    baseline: Annotated[
        list[str] | None, typer.Option("--baseline", "--against", help="Baselines; default: all bit-wise links.")
    ] = None,
    label: Labels = None,
    out: Out = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print the tables of every task.")] = False,
) -> None:
    """Print the semantic gain at equal accuracy, and paired differences from the other semantic links."""
    runs = read_runs(folders, label or [])

    from taskwave.scenarios.figures import tables
    from taskwave.scenarios.statistics import gain, headline, pooling, sharing

    sharing.require_shared(runs)
    records = sharing.join_paired(runs, mark_first=bool(label))
    tested, baselines = _links(records, scheme, baseline or [])
    semantic = [name for name in records.loc[records["kind"] == "semantic", "link"].unique() if name != tested]
    compared = list(dict.fromkeys([tested, *baselines, *semantic]))
    pooled = pooling.pool(records[records["link"].isin(compared) | (records["kind"] == "floor")])
    if pooled.table["accuracy"].isna().all():
        raise ValueError("no accuracy in these records (their images have no labels), so nothing can be compared")
    if records["seed"].nunique() > 1:
        messages.print("note: the runs have other seeds, so the same images have other channels and noise")
    print_notes([*pooled.notes, *sharing.unshared_lines(pooled.table, compared)])
    folder, suffix = out or folders[0], _suffix(runs)
    shown = set(pooled.table["task"]) if verbose else {pooling.main_task(pooled.table)}
    paths = []
    if baselines:
        summary, gains = gain.gain_summary(pooled, tested, baselines), gain.gains(pooled, tested, baselines)
        if summary.empty:
            raise ValueError(f"{tested} and {', '.join(baselines)} have no SNR and task in common: nothing to compare")
        console.print(tables.gain_table(gains[gains["task"].isin(shown)], tested))
        console.print(tables.gain_summary_table(summary, tested, ", ".join(baselines)))
        print_notes(tables.gain_notes(summary, pooling.RESAMPLES))
        console.print(headline.headline(pooled, tested, baselines), markup=False, soft_wrap=True)
        paths += [write_csv(gains, folder / f"gain{suffix}.csv")]
        paths += [write_csv(summary, folder / f"gain-summary{suffix}.csv")]
    else:
        console.print("No bit-wise link in these records: no gain. Name baselines with --baseline.")
    differences = {name: pooling.paired_differences(pooled, tested, name) for name in semantic if name not in baselines}
    for name, difference in differences.items():
        if difference.empty:
            messages.print(f"{tested} and {name} share no task, SNR and budget: no difference", markup=False)
        else:
            console.print(tables.difference_table(difference[difference["task"].isin(shown)], tested, name))
    if differences:
        import pandas as pd

        table = pd.concat([part.assign(link=tested, other=name) for name, part in differences.items()])
        paths.append(write_csv(table, folder / f"differences{suffix}.csv"))
    if len(shown) < pooled.table["task"].nunique():
        messages.print(
            f"tables by budget are of {', '.join(shown)}; the files and --verbose have every task", markup=False
        )
    print_paths(*paths)


def _links(records: "pd.DataFrame", scheme: str | None, baselines: Sequence[str]) -> tuple[str, list[str]]:
    """Return the link under test and its baselines.

    Raises:
        ValueError: one of them has no records, or there is no semantic link and none is named.
    """
    from taskwave.scenarios.statistics.headline import default_baselines, default_scheme

    links = list(records["link"].unique())
    unknown = [name for name in (*baselines, *([scheme] if scheme else [])) if name not in links]
    if unknown:
        raise ValueError(f"link {unknown[0]!r}: no records of it; there are {', '.join(links)}")
    tested = scheme or default_scheme(records)
    if tested is None:
        raise ValueError(f"no semantic link among {', '.join(links)}: name the link under test with --scheme")
    against = list(baselines) or [name for name in default_baselines(records) if name != tested]
    if tested in against:
        raise ValueError(f"link {tested!r} is under test and a baseline: name another with --baseline or --scheme")
    return tested, against


def read_runs(folders: Sequence[Path], labels: Sequence[str]) -> dict[str, "pd.DataFrame"]:
    """Return the records of runs by their labels: those given, else the names of the folders.

    Raises:
        ValueError: there is not one label for each run, or two are equal.
    """
    from taskwave.scenarios.sweep.records import read_records

    if labels and len(labels) != len(folders):
        raise ValueError(f"--label: {len(labels)} for {len(folders)} runs; give one for each run, in their order")
    names = list(labels) or [folder.resolve().name for folder in folders]
    if not labels and len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"two runs are called {twice[0]!r}: give each run once, and labels that differ with --label")
    return {name: read_records(folder) for name, folder in zip(names, folders, strict=True)}


def _suffix(runs: Mapping[str, object]) -> str:
    """Return the end of the names of files of several runs, so that they do not take the place of those of one."""
    others = "-".join(list(runs)[1:])
    return f"-with-{re.sub('[^A-Za-z0-9._+-]+', '-', others)[:60]}" if others else ""


def _texts(folders: Sequence[Path]) -> dict[str, str]:
    """Return the texts to keep in figures: the provenance of one run, the folders of several."""
    from taskwave.scenarios.sweep import provenance

    if len(folders) == 1:
        return provenance.texts(provenance.read(folders[0]))
    return {"Source": ", ".join(str(folder) for folder in folders)}
