"""Commands that try the questions of a scenario on its images, with nothing transmitted."""
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
from taskwave.scenarios.cli.reports import tell_unasked


@app.command()
def headroom(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-headroom.")] = None,
) -> None:
    """Print what the judges answer on clean images, on half, quarter and eighth size, and on nothing received."""
    from taskwave.scenarios.config import loading

    loaded = loading.load(scenario, overrides or [])
    from taskwave.scenarios.studies.headroom import ENOUGH, headroom_table, measure_headroom
    from taskwave.scenarios.sweep.judge import Jury
    from taskwave.scenarios.sweep.points import load_batch, open_chosen
    from taskwave.semantic.data import ANNOTATED

    models, tasks = load_networks(loaded), loaded.parsed_tasks()
    jury = Jury(models, loaded.judge, loaded.images.source)
    jury.judges(tasks)
    images, indices = open_chosen(loaded.images)
    tell_unasked(images)
    number = loaded.images.num_batches
    batches = (load_batch(images, indices, loaded.images.batch, index) for index in range(number))
    with messages.status("judging …") as status:
        values = measure_headroom(
            batches, tasks, jury, models, lambda done: status.update(f"judging: {done} of {number} batches done …")
        )
    console.print(headroom_table(values))
    if not ANNOTATED[loaded.images.source]:
        messages.print(
            "note: images without annotations: what each judge answers on the clean ones stands for them",
            soft_wrap=True,
        )
    console.print(f"A task shows what links are worth where clean − quarter is at least {ENOUGH:g}.")
    print_paths(write_csv(values, (out or Path("runs") / f"{loaded.name}-headroom") / "headroom.csv"))


@app.command()
def regions(
    scenario: NameOrFile,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default runs/<name>-regions.")] = None,
) -> None:
    """Print how many objects, by their size, lie in the regions that the locator finds for each question."""
    from taskwave.scenarios.config import loading

    loaded = loading.load(scenario, overrides or [])
    from taskwave.scenarios.studies.regions import measure_regions, regions_table
    from taskwave.scenarios.sweep.points import load_batch, open_chosen

    images, indices = open_chosen(loaded.images)
    batches = (load_batch(images, indices, loaded.images.batch, index) for index in range(loaded.images.num_batches))
    values = measure_regions(batches, loaded.parsed_tasks(), load_networks(loaded))
    console.print(regions_table(values))
    print_paths(write_csv(values, (out or Path("runs") / f"{loaded.name}-regions") / "regions.csv"))
