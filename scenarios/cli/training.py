"""Commands that train weights and fetch image sets to train on."""
# ruff: noqa: PLC0415  Modules that load torch or TensorFlow are imported where they are used, so that help is quick.

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taskwave.scenarios.cli.app import app, console, messages

if TYPE_CHECKING:  # Help must not wait for pydantic.
    from taskwave.scenarios.cli.training_display import Display
    from taskwave.semantic.training.plan import StagePlan

JUDGES = "gtsdb, gtsdb-second, roadsigns, carla, streets, streets-second, streets-maps, camvid, camvid-second, cifar10"
"""Names of the recipes in `semantic.training.judges`, in their order, for the help."""
train = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(
    train,
    name="train",
    help="Train weights; interrupted runs continue where they stopped.",
    short_help="Train weights (see `taskwave train --help`).",
)


def _device(name: str) -> str:
    """Return the device that `auto`, `cpu`, `cuda` or `cuda:N` means.

    Raises:
        ValueError: there is no such device here.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    here = ["cpu", *(["cuda"] if count else []), *(f"cuda:{i}" for i in range(count))]
    if name == "auto":
        return "cuda" if count else "cpu"
    if name not in here:
        why = "" if count else "; PyTorch finds no CUDA device: install its CUDA build and the driver, or train on cpu"
        raise ValueError(f"--device {name}: allowed here are auto, {', '.join(here)}{why}")
    return name


@train.command("text")
def train_text(
    out: Annotated[Path, typer.Argument(help="New folder for the encoder and its tokenizer.")],
    steps: Annotated[int, typer.Option(help="Training steps.", min=1)] = 1500,
    seed: Annotated[int, typer.Option(help="Seed of data and weights.", min=0, max=2**63 - 1)] = 0,
    folder: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs/train/text"),
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:N, or auto.")] = "cpu",
) -> None:
    """Train the text encoder. Locator, window code and posterior must be trained again after it."""
    from taskwave.scenarios.cli.training_display import show

    plan = _tell("text encoder", folder, steps, 48)
    with show(plan) as display:
        from taskwave.semantic.training.record import alone
        from taskwave.semantic.training.text import TextPlan, train_text_encoder
        from taskwave.semantic.weights import check_target, quiet_libraries

        check_target(out)
        with quiet_libraries(), alone(folder):
            metrics = train_text_encoder(out, folder, TextPlan(steps, seed), _device(device), display)
    typer.echo(" ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    typer.echo(f"wrote {out}")


NewFolder = Annotated[Path, typer.Option("--export", help="Write the finished network to this new folder.")]
Seed = Annotated[int, typer.Option(help="Seed of data and weights.", min=0, max=2**63 - 1)]
Scenes = Annotated[int, typer.Option(help="Drawn street scenes to train with.", min=1, max=2000)]
Threads = Annotated[int | None, typer.Option(help="Processor threads; default: all.", min=1)]


@train.command("judge")
def train_judge(
    name: Annotated[str, typer.Argument(help=JUDGES)],
    export: NewFolder,
    out: Annotated[Path | None, typer.Option(help="Folder of checkpoints; default runs/train/judges/NAME.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; default: that of its recipe.", min=0, max=2**63 - 1)] = None,
    threads: Threads = None,
) -> None:
    """Train a judge on an image set. Needs the extra `train` and the images."""
    from taskwave.semantic.training.judges.recipes import SceneRecipe, judge_recipe

    folder, recipe = out or Path("runs/train/judges") / name, judge_recipe(name)
    seed = recipe.seed if seed is None else seed
    if isinstance(recipe, SceneRecipe):
        plan = _tell("network", folder / "network", recipe.steps, recipe.batch)
        if recipe.scale_steps:
            plan += _tell("enlarging", folder / "enlarging", recipe.scale_steps, recipe.batch)
        with _alone(_Made(folder, {"judge": name, "seed": seed}), export, threads, plan) as shown:
            from taskwave.semantic.training.judges.scene_workshop import train_scene_judge

            train_scene_judge(name, recipe, folder, export, seed, shown)
        typer.echo(f"wrote {export}")
        return
    plan = _tell("detector", folder / "detector", recipe.steps, recipe.batch)
    if recipe.reads:
        plan += _tell("reader", folder / "reader", recipe.reader_steps, 64)
    with _alone(_Made(folder, {"judge": name, "seed": seed}), export, threads, plan) as display:
        from taskwave.semantic.training.judges.workshop import JudgeWorkshop

        judge = JudgeWorkshop(name, recipe, folder, seed, display).export(export)
    typer.echo(f"wrote {export}: objects of a confidence of {judge.least:.2f} or more are named")


@train.command("surrogate")
def train_surrogate(
    name: Annotated[str, typer.Argument(help="signs, streets or camvid.")],
    export: NewFolder,
    out: Annotated[Path | None, typer.Option(help="Folder of checkpoints; default runs/train/surrogate/NAME.")] = None,
    seed: Seed = 1,
    threads: Threads = None,
) -> None:
    """Train a surrogate, by which codecs weigh what to send: signs (needs gtsdb and gtsrb), or maps of streets."""
    from taskwave.semantic.training.judges.recipes import MAPS, SURROGATE

    allowed = ("signs", *MAPS)
    if name not in allowed:
        raise ValueError(f"train surrogate {name!r}: allowed are {', '.join(allowed)}")
    folder, recipe = out or Path("runs/train/surrogate") / name, MAPS.get(name)
    part, steps, batch = (
        ("reader", SURROGATE.reader_steps, 64) if recipe is None else ("map", recipe.steps, recipe.batch)
    )
    made = _Made(folder, {"surrogate": name, "seed": seed})
    with _alone(made, export, threads, _tell(part, folder / part, steps, batch)) as display:
        from taskwave.semantic.weights import save_network

        if recipe is None:
            from taskwave.semantic.training.judges.workshop import JudgeWorkshop

            save_network(JudgeWorkshop("surrogate", SURROGATE, folder, seed, display).reader(), export)
        else:
            from taskwave.semantic.training.segmentation import map_surrogate

            save_network(map_surrogate(recipe, folder / part, seed, display), export)
    typer.echo(f"wrote {export}")


@train.command("locator")
def train_locator(
    export: NewFolder,
    out: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs/train/locator"),
    steps: Annotated[int, typer.Option(help="Training steps.", min=1)] = 1500,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Train the locator, which finds what a prompt names. Needs the extra `train` and four image sets."""
    made = _Made(out, {"steps": steps, "seed": seed})
    with _alone(made, export, threads, _tell("locator", out, steps, 8)) as display:
        from taskwave.semantic.training.locator import locator_from_sets
        from taskwave.semantic.weights import save_network

        save_network(locator_from_sets(out, steps, seed, display), export)
    typer.echo(f"wrote {export}")


@train.command("windows")
def train_windows(
    export: NewFolder,
    out: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs/train/windows"),
    steps: Annotated[int, typer.Option(help="Training steps.", min=1)] = 13000,
    scenes: Scenes = 400,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Train the code of windows, for all prompts and noise levels. Needs the extra `train` and the image set gtsdb."""
    made = _Made(out, {"steps": steps, "seed": seed, "scenes": scenes})
    with _alone(made, export, threads, _tell("windows", out, steps, 32)) as display:
        from taskwave.semantic.training.windows import window_code_from_sets
        from taskwave.semantic.weights import save_network

        display.note(f"drawing {scenes} street scenes …")
        save_network(window_code_from_sets(out, steps, seed, scenes, display), export)
    typer.echo(f"wrote {export}")


@train.command("posterior")
def train_posterior(
    windows: Annotated[Path, typer.Argument(help="Folder of the window code whose windows it is to know.")],
    export: NewFolder,
    out: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs/train/posterior"),
    steps: Annotated[int, typer.Option(help="Training steps.", min=1)] = 8000,
    scenes: Scenes = 400,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Train the diffusion that says what windows may show. Needs the extra `train` and the image set gtsdb."""
    made = _Made(out, {"steps": steps, "seed": seed, "scenes": scenes}, windows)
    with _alone(made, export, threads, _tell("posterior", out, steps, 24)) as display:
        from taskwave.semantic.training.posterior import posterior_from_sets
        from taskwave.semantic.weights import save_network

        display.note(f"drawing {scenes} street scenes …")
        save_network(posterior_from_sets(windows, out, (steps, seed, scenes), display), export)
    typer.echo(f"wrote {export}")


@dataclass(frozen=True)
class _Made:
    """Says what determines the weights that a training makes in a folder."""

    folder: Path
    """Folder of checkpoint and log."""
    numbers: dict[str, str | int]
    """Numbers and names that the weights depend on."""
    source: Path | None = None
    """Folder of a network that the weights depend on."""


@contextmanager
def _alone(made: _Made, export: Path, threads: int | None, plan: "tuple[StagePlan, ...]") -> "Iterator[Display]":
    """Show a training that is alone in its folder, goes on with what it began there, and has a new folder to export to.

    Raises:
        ValueError: something else was trained in the folder, or the new one is not empty.
    """
    from taskwave.scenarios.cli.training_display import show

    with show(plan) as display:
        display.note("loading PyTorch …")
        import torch

        from taskwave.semantic.training.record import alone, claim
        from taskwave.semantic.weights import check_target, folder_digest

        check_target(export)
        if threads is not None:
            torch.set_num_threads(threads)
        source = {} if made.source is None else {"source": folder_digest(made.source)}
        with alone(made.folder):
            claim(made.folder, made.numbers | source)
            yield display


@train.command("receiver")
def train_receiver(
    out: Annotated[Path, typer.Argument(help="New folder for the weights.")],
    steps: Annotated[int, typer.Option(help="Training steps.", min=1)] = 4000,
    seed: Annotated[int, typer.Option(help="Seed of data and weights.", min=0, max=2**31 - 1)] = 0,
    folder: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs/train/receiver"),
    images: Annotated[int, typer.Option(help="Channels of the comparison at the end.", min=1)] = 256,
) -> None:
    """Train the channel estimator of csi = "neural" (needs the extra tensorflow, which computes on the processor)."""
    from taskwave.scenarios.cli.training_display import show

    plan = _tell("channel estimator", folder, steps, 16)
    with show(plan) as display:
        from taskwave.phy.receiver.neural.network import save_estimator
        from taskwave.scenarios.studies.neural_receiver import comparison_table, fit
        from taskwave.semantic.training.record import alone
        from taskwave.semantic.weights import check_target

        check_target(out)
        with alone(folder):
            save_estimator(fit(steps, seed, folder, display), out)
        display.note(f"wrote {out}; comparing receivers over {images} channels …")
        console.print(comparison_table(out, images))


def _tell(what: str, folder: Path, steps: int, batch: int) -> "tuple[StagePlan, ...]":
    """Print what is going to be trained and how much of it is done, and return the plan."""
    from taskwave.semantic.training.plan import StagePlan, steps_in
    from taskwave.semantic.training.record import CHECKPOINT

    plan = StagePlan(folder.name, steps, batch, min(steps, steps_in(folder / CHECKPOINT)))
    messages.print(f"{what}: {steps} steps, {plan.done} done, folder {folder}", markup=False, soft_wrap=True)
    return (plan,)


@app.command()
def download(
    dataset: Annotated[str, typer.Argument(help="Only `camvid`.")],
    to: Annotated[Path, typer.Option(help="Folder to put it in.")],
) -> None:
    """Fetch a public image set from its home, with checksums."""
    if dataset != "camvid":
        raise ValueError(f"download {dataset!r}: allowed is camvid")
    from taskwave.semantic.data.download import download_camvid

    download_camvid(to)
    console.print(f"{to}: ready; use it with --set images.folder={to}")
