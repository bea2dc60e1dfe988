"""The plain look that figures and tables of the radio and of scenarios share."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#777777"


def panels(number: int, height: float = 3.5, width: float = 3.7) -> tuple[Figure, list[Axes]]:
    """A row of `number` panels, dressed."""
    figure = Figure(figsize=(width * number, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: list[Axes] = figure.subplots(1, number, squeeze=False)[0].tolist()
    for axis in axes:
        dress(axis)
    return figure, axes


def label(axis: Axes, title: str, x: str, y: str) -> None:
    """Title and labels of a panel."""
    axis.set_title(title, fontsize=10, fontweight="bold")
    axis.set_xlabel(x, fontsize=9)
    axis.set_ylabel(y, fontsize=9)


def dress(axis: Axes, ticks: str = "#333333") -> None:
    """A light grid behind the curves, no frame above and to the right, small labels at ticks of this colour."""
    axis.grid(color="#E4E4E4", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, colors=ticks)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, 200 dots per inch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200)
    return path


def make_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A rich table; the first column holds text, the others numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", no_wrap=place == 0)
    for row in rows:
        table.add_row(*row)
    return table
