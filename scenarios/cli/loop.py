"""Commands that look into the loop: samples of the diffusion, and lost prompts."""
# ruff: noqa: PLC0415  Modules that load torch or pandas are imported where they are used, so that help is quick.

from pathlib import Path
from typing import Annotated

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


@app.command()
def samples(
    scenario: NameOrFile,
    overrides: Overrides = None,
    link: Annotated[list[str] | None, typer.Option(help="Links to look at; default: with 8 samples.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-samples.")] = None,
) -> None:
    """Compare answers on samples of the diffusion with those on the expected picture: scores, confidence, looks.

    It takes the first SNR and the first budget of the sweep. Needs the extra `train`.
    """
    from taskwave.scenarios.config import loading

    loaded = loading.load(scenario, overrides or [])
    from taskwave.phy.drawing import save
    from taskwave.scenarios.studies.samples import measure_samples, reliability_figure, samples_table
    from taskwave.scenarios.sweep.evaluation import Evaluator

    links, folder = link or ["task-adaptive-8-samples"], out or Path("runs") / f"{loaded.name}-samples"
    evaluator = Evaluator(
        loaded.model_copy(update={"sweep": loaded.sweep.model_copy(update={"links": links})}), load_networks(loaded)
    )
    with messages.status("sending …") as status:
        rows, views = measure_samples(
            evaluator, links, lambda done, total: status.update(f"sending: {done} of {total} batches done …")
        )
    console.print(samples_table(rows))
    print_paths(write_csv(rows, folder / "samples.csv"), save(reliability_figure(views), folder / "reliability.png"))


@app.command("lost-prompts")
def lost_prompts(
    scenario: NameOrFile,
    overrides: Overrides = None,
    share: Annotated[list[float] | None, typer.Option(help="Shares of prompts to lose; default 0 to 0.5.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-lost-prompts.")] = None,
) -> None:
    """Print and draw what links reach when a share of the prompts never arrives, with 95 % intervals."""
    from taskwave.scenarios.config import loading

    loaded = loading.load(scenario, overrides or [])
    import pandas as pd

    from taskwave.phy.drawing import make_table, save
    from taskwave.scenarios.statistics.pooling import MEAN_OF_TASKS, pool
    from taskwave.scenarios.studies.lost_prompts import SHARES, lost_prompts_figure, measure_lost_prompts

    shares, folder = tuple(share or SHARES), out or Path("runs") / f"{loaded.name}-lost-prompts"
    if any(not 0 <= each <= 1 for each in shares):
        raise ValueError(f"--share {', '.join(map(str, shares))}: shares are numbers from 0 to 1")
    models, found = load_networks(loaded), []
    with messages.status("sending …") as status:
        for lost, done, total, records in measure_lost_prompts(loaded, models, shares):
            status.update(f"sending: {lost:.0%} lost, {done} of {total} points done …")
            if records is not None:
                found.append(pool(records).table.assign(lost=lost))
                messages.print(f"{lost:.0%} lost: done", markup=False)
    table = pd.concat(found, ignore_index=True)
    chosen = table[table["task"] == (MEAN_OF_TASKS if len(loaded.tasks) > 1 else table["task"].iloc[0])]
    lines = [
        [
            str(name),
            f"{es_n0_db:g}",
            f"{budget:,}",
            *(
                f"{a:.2f} ({low:.2f}–{high:.2f})"
                for a, low, high in zip(curve["accuracy"], curve["low"], curve["high"], strict=True)
            ),
        ]
        for (name, es_n0_db, budget), curve in chosen.groupby(["link", "es_n0_db", "budget"], sort=False)
    ]
    columns = ["link", "dB", "budget", *(f"{each:.0%}" for each in shares)]
    console.print(make_table("Score by the share of prompts that are lost", columns, lines))
    print_paths(
        write_csv(table, folder / "lost-prompts.csv"), save(lost_prompts_figure(chosen), folder / "lost-prompts.png")
    )
