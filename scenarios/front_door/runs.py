"""The results of a scenario as tables, arrays and figures: `run`, `read` and what they return."""

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from pydantic import BaseModel
from rich.console import Console

from taskwave.scenarios.config.loading import load
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.figures import curves
from taskwave.scenarios.statistics.gain import gain_summary
from taskwave.scenarios.statistics.headline import headline
from taskwave.scenarios.statistics.pooling import Pooled, pool
from taskwave.scenarios.sweep import runner
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.progress import progress
from taskwave.scenarios.sweep.provenance import read_anywhere, texts
from taskwave.scenarios.sweep.records import read_records
from taskwave.semantic.weights import load_models

if TYPE_CHECKING:
    import xarray

AXES = ("link", "task", "es_n0_db", "budget", "image", "fade")
"""Columns of records that become dimensions of arrays; `distance_m` takes the place of `es_n0_db` where it is swept."""
_VALUES = (
    "accuracy", "numerator", "denominator", "outage", "channel_uses", "feedback_uses", "airtime_s", "bandwidth_ratio",
)  # fmt: skip
"""Columns of records that become variables of arrays."""

FIGURES = ("accuracy-vs-snr", "accuracy-vs-bandwidth", "accuracy-vs-distance")
"""Names of the figures of a run."""


class Run:
    """Gives access to the results of a scenario.

    Args:
        out: folder of the results, the `--out` of `taskwave run`.

    Raises:
        FileNotFoundError: there are no results in `out`.
        StorageError: the results are damaged.
    """

    def __init__(self, out: str | Path) -> None:
        self.out = Path(out)
        self.records: pd.DataFrame = read_records(self.out)
        """Records, one row for each link, task, SNR, budget, image and fade; the README explains the columns."""

    def __repr__(self) -> str:
        links = ", ".join(self.records["link"].unique())
        return f"<run {str(self.out)!r}: {len(self.records):,} records of {links}>"

    @cached_property
    def pooled(self) -> Pooled:
        """Accuracies pooled over images, with the resamples behind their intervals."""
        return pool(self.records)

    @property
    def accuracies(self) -> pd.DataFrame:
        """Accuracies pooled over images, with 95 % intervals, a row for each link, task, SNR and budget."""
        return self.pooled.table

    @property
    def headline(self) -> str:
        """One sentence: who needs how many times fewer channel uses, at which accuracy and SNR, with the interval."""
        return headline(self.pooled)

    @property
    def provenance(self) -> dict[str, Any]:
        """What made the results: configuration, seed, versions, commit, weights, machine, dates, command lines.

        Raises:
            FileNotFoundError: a run of an early version, which left no such file.
        """
        found = read_anywhere(self.out)
        if found is None:
            raise FileNotFoundError(f"{self.out}: holds no provenance; runs of TaskWave 0.1 left none")
        return dict(found)

    def to_xarray(self) -> "xarray.Dataset":
        """Return the records as a data set with the dimensions `AXES`; combinations that were not run are NaN."""
        axes = [axis for axis in AXES if axis in self.records]
        if self.records["distance_m"].notna().all():
            axes[axes.index("es_n0_db")] = "distance_m"
        values = [column for column in _VALUES if column in self.records]
        data: xarray.Dataset = self.records.set_index(axes)[values].to_xarray()
        if "group" in self.records:
            groups = self.records.drop_duplicates("image").set_index("image")["group"]
            data = data.assign_coords(group=("image", groups.loc[data["image"].to_numpy()].to_numpy()))
        return data.assign_attrs(out=str(self.out), **texts(read_anywhere(self.out)))

    def plot(
        self, figure: str = "accuracy-vs-snr", *, budgets: Sequence[int] = (), es_n0_dbs: Sequence[float] = ()
    ) -> Figure:
        """Draw a figure of the run.

        Args:
            figure: one of `FIGURES`.
            budgets: budgets drawn over SNR and distance; by default a few of those there are.
            es_n0_dbs: SNRs [dB] drawn over bandwidth; by default a few of those there are.

        Raises:
            ValueError: there is no figure of that name.
        """
        table = self.accuracies
        if figure == "accuracy-vs-bandwidth":
            return curves.accuracy_vs_bandwidth(table, es_n0_dbs or curves.spread(table["es_n0_db"].unique()))
        if figure not in FIGURES:
            raise ValueError(f"there is no figure {figure!r}: choose one of {', '.join(FIGURES)}")
        draw = curves.accuracy_vs_snr if figure == "accuracy-vs-snr" else curves.accuracy_vs_distance
        return draw(table, budgets or curves.spread(table["budget"].unique()))

    def gains(self, scheme: str | None = None, baselines: Sequence[str] | None = None) -> pd.DataFrame:
        """Return how many times more channel uses the best baseline needs at equal accuracy, for each SNR and task.

        Args:
            scheme: link under test; by default the first semantic one.
            baselines: links that it is compared with; by default all bit-wise ones.

        Raises:
            ValueError: no link under test, or no baseline.
        """
        kinds = dict(self.records[["link", "kind"]].drop_duplicates().itertuples(index=False, name=None))
        semantic = [name for name, kind in kinds.items() if kind == "semantic"]
        against = list(baselines or [name for name, kind in kinds.items() if kind == "bitwise"])
        if not (scheme or semantic) or not against:
            raise ValueError(f"links {', '.join(kinds)}: name a scheme and baselines among them")
        return gain_summary(self.pooled, scheme or semantic[0], against)


def read(out: str | Path) -> Run:
    """Read the results of a run from its folder.

    Raises:
        FileNotFoundError: there are no results.
        StorageError: the results are damaged.
    """
    return Run(out)


def run(
    scenario: str | Path,
    *,
    out: str | Path | None = None,
    append: bool = False,
    jobs: int = 1,
    settings: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Run:
    """Run a scenario, or continue it where it stopped, and return its results.

    Args:
        scenario: name of a built-in scenario, or a TOML file.
        out: folder of the results; by default `runs/<name of the scenario>`.
        append: whether to add a grid beside one in `out` that it does not contain.
        jobs: number of processes that compute points.
        settings: values by dotted key, such as `{"radio.csi": "ls"}`, in place of those in the file.
        keys: the same without the table, such as `es_n0_db=[0, 10]` or `count=4`: the first of scenario, `[sweep]`,
            `[images]` and `[radio]` that has the key.

    Raises:
        ScenarioError: an unknown scenario or key, or a value that is not allowed; the message says what is.
        StorageError: results cannot be written.
    """
    chosen = {**{_dotted(key): value for key, value in keys.items()}, **(settings or {})}
    loaded = load(str(scenario), [(key, _plain(value)) for key, value in chosen.items()])
    folder = Path("runs") / loaded.name if out is None else Path(out)
    evaluator = Evaluator(loaded, load_models(loaded.weights, loaded.text_encoder, loaded.weighed_by))
    with progress(Console(file=sys.stderr)) as observe:
        runner.run(evaluator, folder, observe, append=append, jobs=jobs)
    return Run(folder)


def _dotted(key: str) -> str:
    """Return the dotted key of a scenario that ends in `key`; `ValueError` where no table has it."""
    tables: dict[str, type[BaseModel]] = {"": Scenario}
    for name in ("sweep", "images", "radio"):
        annotation = Scenario.model_fields[name].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        tables[f"{name}."] = annotation
    for prefix, table in tables.items():
        if key in table.model_fields:
            return prefix + key
    raise ValueError(f"{key!r} is no key of a scenario, of [sweep], [images] or [radio]: give others by `settings`")


def _plain(value: Any) -> Any:
    """Return a value as a scenario file holds it: lists for arrays and ranges, Python's numbers for NumPy's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, tuple | list | range) else value
