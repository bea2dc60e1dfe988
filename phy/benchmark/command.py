"""The command `taskwave benchmark` with its tables and its figure."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from rich.console import Console

from taskwave.phy.benchmark import suite
from taskwave.phy.drawing import COLOURS, GREY, label, make_table, panels, save
from taskwave.phy.files import write_text


def benchmark(out: Path, *, quick: bool, console: Console, messages: Console) -> None:
    """Time both chains on one thread and print tables; write them as CSV and a figure into `out`.

    Args:
        out: folder of the tables and the figure; it is made if it is missing.
        quick: whether to measure the small plan.
        console: console of the tables.
        messages: console of the progress.
    """
    plan, threads = suite.quick() if quick else suite.full(), torch.get_num_threads()
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    try:
        rows = []
        for row in suite.comparisons(plan):
            messages.print(f"{row['work']}: {row['setting']}: {row['ratio']:.2f}", markup=False)
            rows.append(row)
            # The rest takes minutes, so what is there is written at once.
            write_text(out / "speeds.csv", pd.DataFrame(rows).to_csv(index=False))
        stages = suite.stage_times(plan)
    finally:
        torch.set_num_threads(threads)
    speeds, growth = pd.DataFrame(rows), pd.DataFrame([asdict(found) for found in suite.growth(plan)])
    _print(console, speeds, stages, growth)
    write_text(out / "stages.csv", stages.to_csv(index=False))
    write_text(out / "growth.csv", growth.to_csv(index=False))
    for name in ("speeds", "stages", "growth"):
        console.print(str(out / f"{name}.csv"), markup=False)
    console.print(str(save(figure(speeds), out / "speeds.png")), markup=False)


def _print(console: Console, speeds: pd.DataFrame, stages: pd.DataFrame, growth: pd.DataFrame) -> None:
    columns = ["setting", "TaskWave slots/s", "Sionna slots/s", "ratio", "95 %", "by the wall clock"]
    for work, part in speeds.groupby("work", sort=False):
        cells = [
            [
                r.setting, f"{r.taskwave_slots_per_s:,.0f}", f"{r.sionna_slots_per_s:,.0f}", f"{r.ratio:.2f}",
                f"{r.low:.2f} … {r.high:.2f}", f"{r.wall_ratio:.2f}",
            ]
            for r in part.itertuples()
        ]  # fmt: skip
        console.print(make_table(f"{work}: CPU time of one thread", columns, cells))
    for setting, part in stages.groupby("setting", sort=False):
        cells = [[r.stage, _ms(r.taskwave), _ms(r.sionna)] for r in part.itertuples()]
        console.print(make_table(f"Stages of {setting} [ms a batch]", ["stage", "TaskWave", "Sionna"], cells))
    cells = [
        [
            r.side, str(r.points), f"{r.cpu_s:.2f}", f"{r.points / r.cpu_s:.2f}", f"{r.peak_mib:,.0f}",
            "–" if pd.isna(r.sweep_mib) else f"{r.sweep_mib:.0f}",
        ]
        for r in growth.itertuples()
    ]  # fmt: skip
    columns = ["side", "points", "CPU s", "points/s", "peak MiB", "of the sweep MiB"]
    console.print(make_table("Sweeps in processes of their own", columns, cells))


def _ms(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.1f}"


def figure(speeds: pd.DataFrame) -> Figure:
    """Draw one panel for each kind of work: slots per second over those of Sionna, with intervals."""
    works = list(speeds["work"].unique())
    rows = max(len(part) for _, part in speeds.groupby("work"))
    drawn, axes = panels(len(works), height=1.4 + 0.22 * rows, width=4.6)
    for axis, work in zip(axes, works, strict=True):
        part = speeds[speeds["work"] == work].iloc[::-1]
        error = [part["ratio"] - part["low"], part["high"] - part["ratio"]]
        axis.barh(part["setting"], part["ratio"], xerr=error, color=COLOURS[0], ecolor=GREY, height=0.7)
        axis.axvline(1, color="black", linewidth=1)
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.set_ylim(-0.6, len(part) - 0.4)
        label(axis, work, "slots per second over Sionna's", "")
    return drawn
