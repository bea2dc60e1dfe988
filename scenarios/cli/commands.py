"""What the commands of the command line do."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from diffusers.utils import logging as diffusers_logging
from rich.console import Console
from rich.progress import track
from transformers.utils import logging as transformers_logging

from taskwave.links.base import BudgetError
from taskwave.phy.drawing import save
from taskwave.phy.gnuradio.medium import FlowgraphMedium
from taskwave.phy.radio import Radio
from taskwave.scenarios.config import loading
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.figures import curves as plots
from taskwave.scenarios.figures import strip
from taskwave.scenarios.figures import tables as report
from taskwave.scenarios.figures.style import channel_label
from taskwave.scenarios.statistics import gain
from taskwave.scenarios.statistics import pooling as statistics
from taskwave.scenarios.studies import loopback as loopbacks
from taskwave.scenarios.studies import papr as paprs
from taskwave.scenarios.studies import rates as rate_bounds
from taskwave.scenarios.sweep.evaluation import Evaluator, open_chosen, sweep_points
from taskwave.scenarios.sweep.profiling import StageTimes
from taskwave.scenarios.sweep.progress import progress
from taskwave.scenarios.sweep.records import read_records
from taskwave.scenarios.sweep.runner import Outcome
from taskwave.scenarios.sweep.runner import run as run_points
from taskwave.semantic.weights import Models, load_models


def run(
    name_or_file: str,
    overrides: Sequence[str],
    out: Path | None,
    *,
    profile: bool,
    console: Console,
    messages: Console,
) -> None:
    """Run a scenario into `out`, then print its accuracies and draw its figures."""
    scenario = loading.load(name_or_file, overrides)
    folder = out or Path("runs") / scenario.name
    times = StageTimes() if profile else None
    evaluator = Evaluator(scenario, _models(scenario), times)
    note = report.prefix_note(evaluator.radios)
    if note is not None:
        messages.print(note, markup=False)
    with progress(messages) as observe:
        outcome = run_points(evaluator, folder, observe)
    _tell(outcome, folder, len(scenario.conditions), console, messages)
    pooled = statistics.pool(outcome.records)
    shown = pooled.table[pooled.table["budget"].isin(plots.spread(pooled.table["budget"].unique()))]
    for table in report.accuracy_tables(shown):
        console.print(table)
    if times is not None:
        _tell_times(times, console)
    files = [_write(pooled.table, folder / "accuracy.csv"), *_figures(pooled.table, folder, [], [])]
    if scenario.strip is not None:
        try:
            pictures = strip.draw(strip.take(evaluator, scenario.strip))
            files.append(save(pictures, folder / "strip.png"))
        except BudgetError as error:
            messages.print(f"no picture strip: {error}", markup=False)
    for path in (folder / "records.csv", folder / "records.parquet", *files):
        console.print(str(path), markup=False)


def _models(scenario: Scenario) -> Models:
    """The weights of a scenario, loaded without the libraries' own progress bars."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return load_models(scenario.weights, scenario.text_encoder)


def _tell(outcome: Outcome, folder: Path, num_ratios: int, console: Console, messages: Console) -> None:
    on_disk = outcome.total - outcome.computed
    console.print(f"{outcome.computed} points computed, {on_disk} were on disk; {len(outcome.records):,} records")
    for line in report.skipped(outcome.skipped, num_ratios):
        messages.print(line, markup=False)
    if outcome.other_code:
        messages.print(
            f"note: {outcome.other_code} of these points were computed before the code in phy, semantic or links "
            f"was changed; delete {folder / 'points'} to compute them anew",
            markup=False,
        )
    if outcome.records.empty:
        raise ValueError("no link could work within any budget, so there is nothing to plot: raise sweep.budgets")


def _tell_times(times: StageTimes, console: Console) -> None:
    if times.runs:
        for table in report.stages(times.table()):
            console.print(table)
    else:
        console.print("No times: every point was on disk. Use --profile with a new --out folder.")


def check(name_or_file: str, overrides: Sequence[str], console: Console) -> None:
    """Build everything a scenario needs and read its first batch, but transmit nothing."""
    scenario = loading.load(name_or_file, overrides)
    evaluator = Evaluator(scenario, _models(scenario))
    for condition in scenario.conditions:
        for name in scenario.sweep.links:
            evaluator.link(name, condition.distance_m)
    evaluator.batch(0)
    medium = evaluator.radios[0].medium
    if isinstance(medium, FlowgraphMedium):
        console.print(f"GNU Radio {medium.worker.version}")
    for condition in scenario.conditions:
        if condition.distance_m is not None:
            console.print(f"{condition.distance_m:g} m: es_n0_db {condition.es_n0_db:g}")
    note = report.prefix_note(evaluator.radios)
    if note is not None:
        console.print(note, markup=False)
    console.print(
        f"{scenario.name}: good. {sum(1 for _ in sweep_points(scenario))} points, {scenario.images.count} images, "
        f"{len(scenario.tasks)} tasks"
    )


def rates(name_or_file: str, overrides: Sequence[str], out: Path | None, console: Console) -> None:
    """Print, write and draw what the budgets of a scenario carry over its radio."""
    scenario = loading.load(name_or_file, overrides)
    folder = out or Path("runs") / f"{scenario.name}-rates"
    places = [(scenario.radio_at(distance_m), es_n0_db) for es_n0_db, distance_m in scenario.conditions]
    radios = {config: Radio(config) for config, _ in places}
    conditions = [(radios[config], es_n0_db) for config, es_n0_db in places]
    table = rate_bounds.rates(conditions, scenario.sweep.budgets)
    if table.empty:
        raise ValueError(f"none of the budgets {list(scenario.sweep.budgets)} carries a symbol: raise sweep.budgets")
    console.print(rate_bounds.table(table))
    picture = save(rate_bounds.figure(table, channel_label(scenario.radio.channel_name)), folder / "rates.png")
    for path in (_write(table, folder / "rates.csv"), picture):
        console.print(str(path), markup=False)


def loopback(
    name_or_file: str,
    overrides: Sequence[str],
    out: Path | None,
    bursts: int,
    symbols: int,
    windows: int,
    console: Console,
    messages: Console,
) -> None:
    """Measure the radio of a scenario through GNU Radio against its simulation; print, write and draw it."""
    scenario = loading.load(name_or_file, overrides)
    folder = out or Path("runs") / f"{scenario.name}-loopback"
    if scenario.sweep.es_n0_db is None:
        raise ValueError("loopback measures over SNRs: give the scenario sweep.es_n0_db in place of sweep.distance_m")
    config, ratios = scenario.radio, scenario.sweep.es_n0_db
    rows = loopbacks.curves(config, ratios, bursts, symbols, scenario.seed)
    curves = pd.DataFrame(track(rows, "SNRs", len(ratios), console=messages))
    batches = -(-windows // loopbacks.BATCH)
    noise = loopbacks.false_alarms(config, windows, symbols, scenario.seed)
    alarms = sum(track(noise, "noise", batches, console=messages))
    console.print(loopbacks.curves_table(curves))
    console.print(f"{alarms} of {windows:,} windows of noise alone passed for a burst")
    console.print(loopbacks.speed_table(loopbacks.speed(config, symbols), symbols))
    title = f"{channel_label(config.channel_name)}, {bursts} bursts of {symbols} symbols a point and modulation"
    picture = save(loopbacks.curves_figure(curves, title), folder / "loopback.png")
    for path in (_write(curves, folder / "loopback.csv"), picture):
        console.print(str(path), markup=False)


def papr(name_or_file: str, overrides: Sequence[str], out: Path | None, console: Console) -> None:
    """Measure peaks and distortion of the messages that a scenario's images make; print, write and draw them."""
    scenario = loading.load(name_or_file, overrides)
    folder = out or Path("runs") / f"{scenario.name}-papr"
    images, indices = open_chosen(scenario.images)
    pixels = torch.stack([images[i].image for i in indices]).float() / 255
    tables = paprs.measure(_models(scenario), Radio(scenario.radio), pixels, scenario.seed)
    console.print(paprs.report(*tables))
    picture = save(paprs.figure(*tables, f"{len(pixels)} images of {scenario.images.source}"), folder / "papr.png")
    for table, name in zip(tables, ("papr", "evm"), strict=True):
        console.print(str(_write(table, folder / f"{name}.csv")), markup=False)
    console.print(str(picture), markup=False)


def plot(folder: Path, other: Path | None, budgets: Sequence[float], ratios: Sequence[float], console: Console) -> None:
    """Draw the figures of `folder` from its records, with those of `other` beside them."""
    records = read_records(folder)
    if other is not None:
        records = _join(records, read_records(other), other.name)
    table = statistics.pool(records).table
    for path in _figures(table, folder, budgets, ratios):
        console.print(str(path), markup=False)


def _figures(table: pd.DataFrame, folder: Path, budgets: Sequence[float], ratios: Sequence[float]) -> list[Path]:
    """The figures; without a choice of budgets and SNRs, a few of each."""
    for key, asked in (("budget", budgets), ("es_n0_db", ratios)):
        there = sorted(table[key].unique())
        missing = [value for value in asked if value not in there]
        if missing:
            known = ", ".join(f"{value:g}" for value in there)
            raise ValueError(f"{key} {missing[0]:g}: no records of it in {folder}; there are {known}")
    snr = plots.accuracy_vs_snr(table, budgets or plots.spread(table["budget"].unique()))
    bandwidth = plots.accuracy_vs_bandwidth(table, ratios or plots.spread(table["es_n0_db"].unique()))
    files = [
        save(snr, folder / "accuracy-vs-snr.png"),
        save(bandwidth, folder / "accuracy-vs-bandwidth.png"),
    ]
    if table["distance_m"].notna().all():
        distance = plots.accuracy_vs_distance(table, budgets or plots.spread(table["budget"].unique()))
        files.append(save(distance, folder / "accuracy-vs-distance.png"))
    return files


def compare(folder: Path, other: Path | None, scheme: str | None, against: Sequence[str], console: Console) -> None:
    """Print and write the semantic gain of `scheme` and its paired differences from the other semantic links."""
    records = read_records(folder)
    if other is not None:
        records = _join(records, read_records(other), other.name)
    pooled = statistics.pool(records)
    links = dict(pooled.table[["link", "kind"]].drop_duplicates().itertuples(index=False, name=None))
    semantic = [name for name, kind in links.items() if kind == "semantic"]
    baselines = list(against) or [name for name, kind in links.items() if kind == "bitwise"]
    unknown = [name for name in (*baselines, *([scheme] if scheme else [])) if name not in links]
    if unknown:
        raise ValueError(f"link {unknown[0]!r}: no records of it; there are {', '.join(links)}")
    if not (scheme or semantic):
        raise ValueError(f"no semantic link among {', '.join(links)}: name the link under test with --scheme")
    tested = scheme or semantic[0]
    if baselines:
        summary = gain.summary_table(pooled.table, tested, baselines)
        detail = gain.gain_table(pooled.table, tested, baselines)
        console.print(report.gains(detail, tested))
        console.print(report.summary(summary, tested, ", ".join(baselines)))
        console.print(str(_write(detail, folder / "gain.csv")), markup=False)
        console.print(str(_write(summary, folder / "gain-summary.csv")), markup=False)
    else:
        console.print("No bit-wise link in these records: no gain. Name baselines with --against.")
    for name in semantic:
        if name != tested:
            table = statistics.paired_differences(pooled, tested, name)
            console.print(report.differences(table, tested, name))


def _join(records: pd.DataFrame, others: pd.DataFrame, label: str) -> pd.DataFrame:
    """ImpulseResponses of two runs as one; links of the second one are marked with its folder's name.

    A channel is the same whatever it runs through (`RadioConfig.channel_name`), and bears the name of the first.
    """
    simulated = [runs["channel"].str.partition("/")[0] for runs in (records, others)]
    for key, mine, theirs in (("channel", *simulated), ("image", records["image"], others["image"])):
        if set(mine) != set(theirs):
            raise ValueError(f"the two runs differ in {key}: they can only be compared over the same")
    names = dict(zip(simulated[0], records["channel"], strict=True))
    marked = others.assign(link=others["link"] + f" ({label})", channel=simulated[1].map(names))
    return pd.concat([records, marked], ignore_index=True)


def _write(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False)
    return path
