"""Commands that run, check, draw and compare the sweeps of scenarios."""
# ruff: noqa: PLC0415  Modules that load torch or pandas are imported where they are used, so that help is quick.

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskwave.scenarios.cli.app import (
    NameOrFile,
    Overrides,
    RunFolder,
    app,
    console,
    load_networks,
    messages,
    print_paths,
    write_csv,
)

if TYPE_CHECKING:
    import pandas as pd

    from taskwave.scenarios.sweep.profiling import StageTimes
    from taskwave.scenarios.sweep.runner import Outcome


@app.command("list")
def list_() -> None:
    """Show the built-in scenarios and every link that a scenario can name."""
    from taskwave.links import registry
    from taskwave.scenarios.config.loading import built_in, read

    console.print("[bold]Scenarios[/bold] (taskwave run NAME)")
    for name, path in built_in().items():
        console.print(f"  {name:18} {read(path)['description']}")
    console.print("\n[bold]Links[/bold] (sweep.links in a scenario)")
    for name in registry.names():
        console.print(f"  {name:24} {registry.origin(name)}")


@app.command()
def run(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; default runs/<name of the scenario>.")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Print the time of each link, stage by stage.")] = False,
) -> None:
    """Run a scenario, or continue it where it stopped; print pooled accuracies and draw the figures."""
    try:
        _run(scenario, overrides or [], out, profile=profile)
    except KeyboardInterrupt:
        messages.print("\nStopped. Finished points are kept; run the same command again to continue.")
        raise typer.Exit(130) from None


def _run(name_or_file: str, overrides: Sequence[str], out: Path | None, *, profile: bool) -> None:
    from taskwave.links.base import BudgetError
    from taskwave.phy.drawing import save
    from taskwave.scenarios.config import loading
    from taskwave.scenarios.figures import curves, strip, tables
    from taskwave.scenarios.statistics.pooling import pool
    from taskwave.scenarios.sweep import runner
    from taskwave.scenarios.sweep.evaluation import Evaluator
    from taskwave.scenarios.sweep.profiling import StageTimes
    from taskwave.scenarios.sweep.progress import progress

    scenario = loading.load(name_or_file, overrides)
    folder = out or Path("runs") / scenario.name
    times = StageTimes() if profile else None
    evaluator = Evaluator(scenario, load_networks(scenario), times)
    note = tables.prefix_note(evaluator.radios)
    if note is not None:
        messages.print(note, markup=False)
    with progress(messages) as observe:
        outcome = runner.run(evaluator, folder, observe)
    _print_outcome(outcome, folder, len(scenario.conditions))
    pooled = pool(outcome.records).table
    shown = pooled[pooled["budget"].isin(curves.spread(pooled["budget"].unique()))]
    for table in tables.accuracy_tables(shown):
        console.print(table)
    if times is not None:
        _print_times(times)
    files = [write_csv(pooled, folder / "accuracy.csv"), *_draw(pooled, folder, [], [])]
    if scenario.strip is not None:
        try:
            figure = strip.strip_figure(strip.evaluate_strip(evaluator, scenario.strip))
            files.append(save(figure, folder / "strip.png"))
        except BudgetError as error:
            messages.print(f"no image strip: {error}", markup=False)
    print_paths(folder / "records.csv", folder / "records.parquet", *files)


def _print_outcome(outcome: "Outcome", folder: Path, num_conditions: int) -> None:
    """Print what was computed, skipped or made by other code; `ValueError` where there is no record at all."""
    from taskwave.scenarios.figures.tables import skipped_lines

    on_disk = outcome.total - outcome.computed
    console.print(f"{outcome.computed} points computed, {on_disk} were on disk; {len(outcome.records):,} records")
    for line in skipped_lines(outcome.skipped, num_conditions):
        messages.print(line, markup=False)
    if outcome.other_code:
        messages.print(
            f"note: {outcome.other_code} of these points were computed before the code in phy, semantic or links "
            f"was changed; delete {folder / 'points'} to compute them anew",
            markup=False,
        )
    if outcome.records.empty:
        raise ValueError("no link could work within any budget, so there is nothing to plot: raise sweep.budgets")


def _print_times(times: "StageTimes") -> None:
    from taskwave.scenarios.figures.tables import stage_tables

    if times.runs:
        for table in stage_tables(times.table()):
            console.print(table)
    else:
        console.print("No times: every point was on disk. Use --profile with a new --out folder.")


@app.command()
def check(scenario: NameOrFile, overrides: Overrides = None) -> None:
    """Check that a scenario could run: its keys, images, radio, links and weights. Transmits nothing."""
    from taskwave.phy.gnuradio.medium import FlowgraphMedium
    from taskwave.scenarios.config import loading
    from taskwave.scenarios.figures.tables import prefix_note
    from taskwave.scenarios.sweep.evaluation import Evaluator, sweep_points

    checked = loading.load(scenario, overrides or [])
    evaluator = Evaluator(checked, load_networks(checked))
    for condition in checked.conditions:
        for name in checked.sweep.links:
            evaluator.link(name, condition.distance_m)
    evaluator.batch(0)
    medium = evaluator.radios[0].medium
    if isinstance(medium, FlowgraphMedium):
        console.print(f"GNU Radio {medium.worker.version}")
    for condition in checked.conditions:
        if condition.distance_m is not None:
            console.print(f"{condition.distance_m:g} m: es_n0_db {condition.es_n0_db:g}")
    note = prefix_note(evaluator.radios)
    if note is not None:
        console.print(note, markup=False)
    console.print(
        f"{checked.name}: good. {sum(1 for _ in sweep_points(checked))} points, {checked.images.count} images, "
        f"{len(checked.tasks)} tasks"
    )


@app.command()
def plot(
    folder: RunFolder,
    other: Annotated[Path | None, typer.Argument(help="A second run, drawn beside the first.")] = None,
    budget: Annotated[list[int] | None, typer.Option(help="Budgets to draw accuracy vs SNR for.")] = None,
    es_n0_db: Annotated[list[float] | None, typer.Option(help="SNRs to draw accuracy vs bandwidth for.")] = None,
) -> None:
    """Draw the figures of a run anew from its records."""
    from taskwave.scenarios.statistics.pooling import pool

    print_paths(*_draw(pool(_read(folder, other)).table, folder, budget or [], es_n0_db or []))


def _draw(table: "pd.DataFrame", folder: Path, budgets: Sequence[float], es_n0_dbs: Sequence[float]) -> list[Path]:
    """Draw the figures of pooled records into `folder` and return their paths.

    Args:
        table: the one of `pooling.Pooled`.
        folder: folder of the figures.
        budgets: budgets of the figures over SNR and distance; if empty, a few of those there are.
        es_n0_dbs: SNRs [dB] of the figure over bandwidth; if empty, a few of those there are.

    Raises:
        ValueError: there are no records of a budget or an SNR.
    """
    from taskwave.phy.drawing import save
    from taskwave.scenarios.figures import curves

    for key, asked in (("budget", budgets), ("es_n0_db", es_n0_dbs)):
        there = sorted(table[key].unique())
        missing = [value for value in asked if value not in there]
        if missing:
            known = ", ".join(f"{value:g}" for value in there)
            raise ValueError(f"{key} {missing[0]:g}: no records of it in {folder}; there are {known}")
    budgets = budgets or curves.spread(table["budget"].unique())
    es_n0_dbs = es_n0_dbs or curves.spread(table["es_n0_db"].unique())
    figures = {
        "accuracy-vs-snr.png": curves.accuracy_vs_snr(table, budgets),
        "accuracy-vs-bandwidth.png": curves.accuracy_vs_bandwidth(table, es_n0_dbs),
    }
    if table["distance_m"].notna().all():
        figures["accuracy-vs-distance.png"] = curves.accuracy_vs_distance(table, budgets)
    return [save(figure, folder / name) for name, figure in figures.items()]


@app.command()
def compare(
    folder: RunFolder,
    other: Annotated[Path | None, typer.Argument(help="A second run, of the same images.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Link under test; default: the first semantic one.")] = None,
    against: Annotated[list[str] | None, typer.Option(help="Baselines; default: all bit-wise links.")] = None,
) -> None:
    """Print the semantic gain at equal accuracy, and paired differences from the other semantic links."""
    from taskwave.scenarios.figures import tables
    from taskwave.scenarios.statistics import gain, pooling

    pooled = pooling.pool(_read(folder, other))
    links = dict(pooled.table[["link", "kind"]].drop_duplicates().itertuples(index=False, name=None))
    semantic = [name for name, kind in links.items() if kind == "semantic"]
    baselines = against or [name for name, kind in links.items() if kind == "bitwise"]
    unknown = [name for name in (*baselines, *([scheme] if scheme else [])) if name not in links]
    if unknown:
        raise ValueError(f"link {unknown[0]!r}: no records of it; there are {', '.join(links)}")
    if not (scheme or semantic):
        raise ValueError(f"no semantic link among {', '.join(links)}: name the link under test with --scheme")
    tested = scheme or semantic[0]
    if baselines:
        summary = gain.gain_summary(pooled.table, tested, baselines)
        gains = gain.gains(pooled.table, tested, baselines)
        console.print(tables.gain_table(gains, tested))
        console.print(tables.gain_summary_table(summary, tested, ", ".join(baselines)))
        print_paths(write_csv(gains, folder / "gain.csv"), write_csv(summary, folder / "gain-summary.csv"))
    else:
        console.print("No bit-wise link in these records: no gain. Name baselines with --against.")
    for name in semantic:
        if name != tested:
            differences = pooling.paired_differences(pooled, tested, name)
            console.print(tables.difference_table(differences, tested, name))


def _read(folder: Path, other: Path | None) -> "pd.DataFrame":
    """Read the records of one run, or of two runs as one: links of the second bear the name of its folder.

    A channel is the same whatever medium it runs through (`RadioConfig.channel_name`), and bears its name in the first.

    Raises:
        ValueError: the two runs differ in their channels or images.
    """
    import pandas as pd

    from taskwave.scenarios.sweep.records import read_records

    records = read_records(folder)
    if other is None:
        return records
    others = read_records(other)
    simulated = [runs["channel"].str.partition("/")[0] for runs in (records, others)]
    for key, mine, theirs in (("channel", *simulated), ("image", records["image"], others["image"])):
        if set(mine) != set(theirs):
            raise ValueError(f"the two runs differ in {key}: they can only be compared over the same")
    names = dict(zip(simulated[0], records["channel"], strict=True))
    marked = others.assign(link=others["link"] + f" ({other.name})", channel=simulated[1].map(names))
    return pd.concat([records, marked], ignore_index=True)
