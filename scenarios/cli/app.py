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
    *(
        "list",
        "new",
        "keys",
        "check",
        "run",
        "show",
        "plot",
        "compare",
        "headroom",
        "regions",
        "samples",
        "lost-prompts",
        "rates",
        "papr",
        "loopback",
    ),
    *("radio", "replay", "grc", "record", "trace", "validate", "benchmark", "train", "download"),
)
"""Names of all commands in the order of `taskwave --help`, which follows the work and not the files."""


class _Commands(TyperGroup):
    """Lists the commands in the order of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in that order, those that `COMMANDS` does not have last."""
        return sorted(self.commands, key=lambda name: COMMANDS.index(name) if name in COMMANDS else len(COMMANDS))


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Task accuracy of semantic and bit-wise links over a simulated 5G-like radio.",
    epilog="Set TASKWAVE_TRACEBACK=1 to see where in the code an error comes from.",
)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
"""Console of the results, standard output."""
messages = Console(stderr=True, highlight=False)
"""Console of progress, notes and errors, standard error."""


def _print_version(asked: bool) -> None:
    """Print the version and stop, where it was asked for."""
    if asked:
        import taskwave  # noqa: PLC0415  only here

        console.print(f"taskwave {taskwave.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


NameOrFile = Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="A built-in scenario or a TOML file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. sweep.es_n0_db=[0,10].")
]
RunFolder = Annotated[Path, typer.Argument(help="The --out folder of a run.")]


def load_networks(scenario: "Scenario") -> "Models":
    """Load the weights of a scenario, with a status line on terminals."""
    from taskwave.semantic.weights import load_models  # noqa: PLC0415  loads torch

    with messages.status(f"loading networks {scenario.weights!r} …"):
        return load_models(scenario.weights, scenario.text_encoder, scenario.weighed_by)


def write_csv(table: "pd.DataFrame", path: Path) -> Path:
    """Write a table without its index, whole or not at all, and return its path."""
    from taskwave.phy.files import write_text  # noqa: PLC0415  `phy` is loaded where it is used

    write_text(path, table.to_csv(index=False))
    return path


def print_paths(*paths: Path) -> None:
    """Print the path of every file that a command wrote, a line each."""
    for path in paths:
        console.print(str(path), markup=False)
