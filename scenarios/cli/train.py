"""`taskwave train`: the recipes from the command line."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from taskwave.semantic.training.recipe import load_recipe
from taskwave.semantic.training.stages import STAGES, Workshop
from taskwave.semantic.training.text import train_text_encoder
from taskwave.semantic.weights import load_models

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Train weights; interrupted runs continue where they stopped."
)


@app.command("text")
def train_text(
    out: Annotated[Path, typer.Argument(help="Folder for the encoder and its tokenizer.")],
    steps: Annotated[int, typer.Option(help="Training steps.")] = 1500,
    seed: Annotated[int, typer.Option(help="Seed of data and weights.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train the text encoder. The attention of every set of weights must be trained again after it."""
    metrics = train_text_encoder(out, Path("runs/train/text"), steps=steps, seed=seed, device=device)
    typer.echo(" ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


@app.command("set")
def train_set(
    recipe: Annotated[str, typer.Argument(help="A bundled recipe (streets, camvid) or a TOML file.")],
    out: Annotated[Path | None, typer.Option(help="Folder of checkpoints and logs; default runs/train/RECIPE.")] = None,
    start: Annotated[str | None, typer.Option(help="Go on from this set of weights (name or folder).")] = None,
    stage: Annotated[list[str] | None, typer.Option(help=f"Only these of: {', '.join(STAGES)}.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write the finished set here.")] = None,
) -> None:
    """Train the networks of one set of weights, stage by stage."""
    if threads is not None:
        torch.set_num_threads(threads)
    stages = tuple(stage or STAGES)
    unknown = [s for s in stages if s not in STAGES]
    if unknown:
        raise ValueError(f"unknown stage '{unknown[0]}': allowed are {', '.join(STAGES)}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = out or Path("runs/train") / Path(recipe).stem
    workshop = Workshop(load_recipe(recipe), folder, device, lambda line: print(line, flush=True))
    if start is not None:
        workshop.start_from(load_models(start), stages)
    for name in stages:
        workshop.train(name)
    if export is not None:
        workshop.export(export)
        typer.echo(f"wrote {export}")
