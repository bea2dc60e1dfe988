"""The typer application, its consoles, and the arguments and outputs that several commands share."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

if TYPE_CHECKING:  # Help must not wait for pandas and torch.
    import pandas as pd

    from taskwave.scenarios.config.scenario import Scenario
    from taskwave.semantic.weights import Models

COMMANDS = (
    *("list", "run", "check", "rates", "loopback", "papr", "radio", "validate", "benchmark", "grc", "record", "trace"),
    *("plot", "compare", "train", "download"),
)
"""Names of all commands in the order of `taskwave --help`, which follows the work and not the files."""


class _Commands(TyperGroup):
    """Lists the commands in the order of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in that order, those that `COMMANDS` does not have last."""
        return sorted(self.commands, key=lambda name: COMMANDS.index(name) if name in COMMANDS else len(COMMANDS))


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Task accuracy of semantic and bit-wise links over a simulated 5G-like radio.",
    epilog="Set TASKWAVE_TRACEBACK=1 to see where in the code an error comes from.",
)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
"""Console of the results, standard output."""
messages = Console(stderr=True, highlight=False)
"""Console of progress, notes and errors, standard error."""

NameOrFile = Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="A built-in scenario or a TOML file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. sweep.es_n0_db=[0,10].")
]
RunFolder = Annotated[Path, typer.Argument(help="The --out folder of a run.")]


def load_networks(scenario: "Scenario") -> "Models":
    """Load the weights of a scenario without the progress bars of the libraries."""
    from diffusers.utils import logging as diffusers_logging  # noqa: PLC0415  loads torch
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415  loads torch

    from taskwave.semantic.weights import load_models  # noqa: PLC0415  loads torch

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return load_models(scenario.weights, scenario.text_encoder)


def write_csv(table: "pd.DataFrame", path: Path) -> Path:
    """Write a table without its index and return its path."""
    table.to_csv(path, index=False)
    return path


def print_paths(*paths: Path) -> None:
    """Print the path of every file that a command wrote, a line each."""
    for path in paths:
        console.print(str(path), markup=False)
