"""Commands that train weights and fetch image sets to train on."""
# ruff: noqa: PLC0415  Modules that load torch or TensorFlow are imported where they are used, so that help is quick.

from pathlib import Path
from typing import Annotated

import typer

from taskwave.scenarios.cli.app import app, console

STAGES = "codec, segmentation, general, prior, finetune, joint, attention"
"""Names of the stages in `semantic.training.stages`, in their order, for the help."""

train = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(
    train,
    name="train",
    help="Train weights; interrupted runs continue where they stopped.",
    short_help="Train weights (see `taskwave train --help`).",
)


@train.command("text")
def train_text(
    out: Annotated[Path, typer.Argument(help="Folder for the encoder and its tokenizer.")],
    steps: Annotated[int, typer.Option(help="Training steps.")] = 1500,
    seed: Annotated[int, typer.Option(help="Seed of data and weights.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the text encoder. The attention of every set of weights must be trained again after it."""
    from taskwave.semantic.training.text import train_text_encoder

    metrics = train_text_encoder(out, Path("runs/train/text"), steps=steps, seed=seed, device=device)
    typer.echo(" ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


@train.command("set")
def train_set(
    recipe: Annotated[str, typer.Argument(help="A bundled recipe (streets, camvid) or a TOML file.")],
    out: Annotated[Path | None, typer.Option(help="Folder of checkpoints and logs; default runs/train/RECIPE.")] = None,
    start: Annotated[str | None, typer.Option(help="Go on from this set of weights (name or folder).")] = None,
    stage: Annotated[list[str] | None, typer.Option(help=f"Only these of: {STAGES}.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write the finished set here.")] = None,
) -> None:
    """Train the networks of one set of weights, stage by stage."""
    import torch

    from taskwave.semantic.training import stages as training
    from taskwave.semantic.training.recipe import load_recipe
    from taskwave.semantic.weights import load_models

    if threads is not None:
        torch.set_num_threads(threads)
    chosen = tuple(stage or training.STAGES)
    unknown = [name for name in chosen if name not in training.STAGES]
    if unknown:
        raise ValueError(f"unknown stage '{unknown[0]}': allowed are {', '.join(training.STAGES)}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = out or Path("runs/train") / Path(recipe).stem
    workshop = training.Workshop(load_recipe(recipe), folder, device, lambda line: print(line, flush=True))
    if start is not None:
        workshop.start_from(load_models(start), chosen)
    for name in chosen:
        workshop.train(name)
    if export is not None:
        workshop.export(export)
        typer.echo(f"wrote {export}")


@train.command("receiver")
def train_receiver(
    out: Annotated[Path, typer.Argument(help="Folder for the weights.")],
    steps: Annotated[int, typer.Option(help="Training steps.")] = 4000,
    seed: Annotated[int, typer.Option(help="Seed of data and weights.")] = 0,
    folder: Annotated[Path, typer.Option(help="Folder of checkpoint and log.")] = Path("runs/train/receiver"),
    images: Annotated[int, typer.Option(help="Channels of the comparison at the end.")] = 256,
) -> None:
    """Train the channel estimator of csi = "neural" (needs the extra tensorflow, which computes on the processor)."""
    from rich.console import Console

    from taskwave.phy.receiver.neural.network import save_estimator
    from taskwave.scenarios.studies.neural_receiver import comparison_table, fit

    save_estimator(fit(steps, seed, folder), out)
    Console().print(comparison_table(out, images))


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
