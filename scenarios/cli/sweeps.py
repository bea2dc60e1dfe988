"""Commands that run, check, draw and compare the sweeps of scenarios."""
# ruff: noqa: PLC0415  Modules that load torch or pandas are imported where they are used, so that help is quick.

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskwave.scenarios.cli.app import (
    NameOrFile,
    Overrides,
    app,
    console,
    load_networks,
    messages,
    print_paths,
    write_csv,
)
from taskwave.scenarios.cli.reports import Choice, draw, print_accuracies, tell_unasked

if TYPE_CHECKING:
    from taskwave.scenarios.config.scenario import Scenario
    from taskwave.scenarios.sweep.profiling import StageTimes
    from taskwave.scenarios.sweep.runner import Outcome


@app.command("list")
def list_() -> None:
    """Show the built-in scenarios and every link that a scenario can name."""
    from taskwave.links import registry
    from taskwave.scenarios.config.loading import built_in, read

    console.print("[bold]Scenarios[/bold] (taskwave run NAME)")
    for name, path in built_in().items():
        console.print(f"  {name:20} {read(path).get('description', '')}", markup=False)
    console.print("\n[bold]Links[/bold] (sweep.links in a scenario)")
    for name in registry.names():
        console.print(f"  {name:24} {registry.about(name)}", markup=False)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="The TOML file to write; its name becomes the name of the scenario.")],
) -> None:
    """Write a scenario that runs as it is, with every key as a comment: meaning, what is allowed, default."""
    from taskwave.scenarios.config.reference import template

    name = re.sub("[^a-z0-9]+", "-", file.stem.lower()).strip("-") or "scenario"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(template(name))
    except FileExistsError as error:
        raise ValueError(f"{file}: is there already; give another name, or remove it") from error
    console.print(f"{file}: change it, then `taskwave check {file}` and `taskwave run {file}`", markup=False)


@app.command()
def keys() -> None:
    """Print the reference of all keys of a scenario file, as Markdown."""
    from taskwave.scenarios.config.reference import page

    typer.echo(page(), nl=False)


@app.command()
def run(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; default runs/<name of the scenario>.")
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add a grid that lacks old values: the records then hold both grids.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that compute points, one thread each.")] = 1,
    profile: Annotated[bool, typer.Option("--profile", help="Print the time of each link, stage by stage.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print the accuracies of every task and budget.")] = False,
) -> None:
    """Run a scenario, or continue it where it stopped; print pooled accuracies and draw the figures.

    More SNRs, budgets, links, tasks or fades than before, or a multiple of the images, continue a run: its points stay
    and what is missing is computed. A folder that holds any other scenario is refused.
    """
    from taskwave.scenarios.live.requirements import check_flowgraph

    check_flowgraph(scenario, overrides or [])
    messages.print(f"{scenario}: reading …", markup=False, soft_wrap=True)
    try:
        _run(scenario, overrides or [], _RunOptions(out, append, jobs, profile, verbose))
    except KeyboardInterrupt:
        messages.print("\nStopped. Finished points are kept; run the same command again to continue.")
        raise typer.Exit(130) from None


def _load(name_or_file: str, overrides: Sequence[str]) -> "Scenario":
    """Load a scenario and say so: its faults are told before the libraries of the networks load, which takes longer."""
    from taskwave.scenarios.config import loading

    scenario = loading.load(name_or_file, overrides)
    messages.print(f"{scenario.name}: keys are good, loading networks …", markup=False, soft_wrap=True)
    return scenario


@dataclass(frozen=True)
class _RunOptions:
    """Holds the options of `run`, which describes them."""

    out: Path | None
    append: bool
    jobs: int
    profile: bool
    verbose: bool


def _run(name_or_file: str, overrides: Sequence[str], options: _RunOptions) -> None:
    if options.profile and options.jobs > 1:
        raise ValueError(
            f"--profile with --jobs {options.jobs}: times of links are taken in one process, leave --jobs out"
        )
    scenario = _load(name_or_file, overrides)

    from taskwave.links.base import BudgetError
    from taskwave.phy.drawing import save
    from taskwave.scenarios.figures import tables
    from taskwave.scenarios.figures.layout import METRICS
    from taskwave.scenarios.figures.strip import strip_figure
    from taskwave.scenarios.figures.strip_file import kept_strip
    from taskwave.scenarios.statistics.pooling import pool
    from taskwave.scenarios.sweep import provenance, runner
    from taskwave.scenarios.sweep.evaluation import Evaluator
    from taskwave.scenarios.sweep.profiling import StageTimes
    from taskwave.scenarios.sweep.progress import progress

    folder = options.out or Path("runs") / scenario.name
    times = StageTimes() if options.profile else None
    evaluator = Evaluator(scenario, load_networks(scenario), times)
    tell_unasked(evaluator.image_set)
    note = tables.prefix_note(evaluator.radios)
    if note is not None:
        messages.print(note, markup=False)
    with progress(messages) as observe:
        outcome = runner.run(evaluator, folder, observe, append=options.append, jobs=options.jobs)
    _print_outcome(outcome, folder, len(scenario.conditions))
    metrics = [name for name in METRICS if name == "accuracy" or outcome.records[name].notna().any()]
    pooled = {name: pool(outcome.records, name) for name in metrics}
    print_accuracies(pooled["agreement" if "agreement" in pooled else "accuracy"], verbose=options.verbose)
    if times is not None:
        _print_times(times)
    texts = provenance.texts(provenance.read(folder))
    files = [write_csv(pooled["accuracy"].table, folder / "accuracy.csv")]
    for each in pooled.values():
        files += draw(each, folder, Choice(metadata=texts))
    if scenario.strip is not None:
        try:
            figure = strip_figure(kept_strip(evaluator, scenario.strip, folder))
            files.append(save(figure, folder / "strip.png", texts))
        except BudgetError as error:
            messages.print(f"no image strip: {error}", markup=False)
    print_paths(folder / "records.csv", folder / "records.parquet", *files)


def _print_outcome(outcome: "Outcome", folder: Path, num_conditions: int) -> None:
    """Print what was computed, skipped or outdated; `ValueError` where there is no record at all."""
    from taskwave.scenarios.figures.tables import skipped_lines

    on_disk = outcome.total - outcome.computed
    console.print(f"{outcome.computed} points computed, {on_disk} were on disk; {len(outcome.records):,} records")
    for line in skipped_lines(outcome.skipped, num_conditions):
        messages.print(line, markup=False)
    if outcome.outdated:
        kept = "" if outcome.kept_aside is None else f"; the records of before are kept in {outcome.kept_aside}"
        messages.print(
            f"note: {outcome.outdated} points on disk came from other code, weights or images and were computed "
            f"anew{kept}",
            markup=False,
        )
    if outcome.given_way:
        messages.print(
            f"note: {outcome.given_way:,} records of an earlier grid gave way to those of this one, which has the same "
            f"link, task, SNR, budget, image and fade; their points stay in {folder / 'points'}",
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
    checked = _load(scenario, overrides or [])

    from taskwave.phy.gnuradio.medium import FlowgraphMedium
    from taskwave.scenarios.figures.tables import prefix_note
    from taskwave.scenarios.sweep.carrying import uncarried
    from taskwave.scenarios.sweep.evaluation import Evaluator
    from taskwave.scenarios.sweep.points import sweep_points

    evaluator = Evaluator(checked, load_networks(checked))
    for condition in checked.conditions:
        for name in checked.sweep.links:
            evaluator.link(name, condition.distance_m)
    evaluator.batch(0)
    faults = uncarried(evaluator)
    budgets = len(checked.sweep.budgets)
    for link, refused in faults.items():
        which = f"budgets {', '.join(map(str, refused))} are too small for it" if len(refused) < budgets else ""
        largest = refused[max(refused)]
        messages.print(f"{link}: {which or 'no budget in sweep.budgets carries it'}: {largest}", markup=False)
    if len(faults) == len(checked.sweep.links) and all(len(refused) == budgets for refused in faults.values()):
        raise ValueError(f"no link could work within any budget of {list(checked.sweep.budgets)}: raise sweep.budgets")
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
