"""The common look of the figures and tables that the radio and scenarios draw."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from taskwave.phy.files import write_atomically

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours of curves, from the palette of Okabe and Ito."""
GREY = "#777777"
"""Colour of references beside the curves."""


def panels(number: int, height: float = 3.5, width: float = 3.7) -> tuple[Figure, list[Axes]]:
    """Make a figure with a row of `number` panels, each dressed and of `width` x `height` inches."""
    figure = Figure(figsize=(width * number, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: list[Axes] = figure.subplots(1, number, squeeze=False)[0].tolist()
    for axis in axes:
        dress(axis)
    return figure, axes


def label(axis: Axes, title: str, x: str, y: str) -> None:
    """Write the title and the axis labels of a panel."""
    axis.set_title(title, fontsize=10, fontweight="bold")
    axis.set_xlabel(x, fontsize=9)
    axis.set_ylabel(y, fontsize=9)


def dress(axis: Axes, ticks: str = "#333333") -> None:
    """Give a panel a light grid behind its curves, no upper or right spine, and small labels of colour `ticks`."""
    axis.grid(color="#E4E4E4", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8, colors=ticks)


def save(figure: Figure, path: Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Write a figure as PNG at 200 dots per inch, whole or not at all, make its folder if need be, and return `path`.

    Args:
        figure: figure to write.
        path: file of the figure; an older one stays as it is until the new one is complete.
        metadata: texts to keep in the file by keyword, such as `provenance.texts` makes; PNG holds them as text chunks.

    Raises:
        StorageError: the file cannot be written.
    """
    texts = None if metadata is None else dict(metadata)
    write_atomically(path, lambda file: figure.savefig(file, dpi=200, format="png", metadata=texts))
    return path


def make_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Make a table for the terminal whose first column holds text and the others numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=index == 0)
    for row in rows:
        table.add_row(*row)
    return table
