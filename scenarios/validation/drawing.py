"""What the figures of the validation page have in common."""

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from taskwave.scenarios.style import dress

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
