"""A scenario run from Python: settings by key, and results as tables, arrays and figures."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import taskwave as tw
from taskwave.scenarios.config.loading import ScenarioError
from taskwave.scenarios.sweep.records import FORMAT

FILE = """
tasks = ["cars", "road and pavement"]
[sweep]
es_n0_db = [0]
budgets = [500]
links = ["nothing", "jpeg"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    return path


def test_results_are_tables_arrays_and_figures(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = {"radio.csi": "ls", "images.count": 2}
    run = tw.run(file, out=out, es_n0_db=np.arange(0, 20, 10), budgets=(600,), settings=settings)
    records = run.records
    assert set(records["es_n0_db"]) == {0, 10} and set(records["csi"]) == {"ls"} and set(records["budget"]) == {600}
    data = run.to_xarray()
    assert json.loads(data.attrs["provenance"]) == run.provenance
    assert data["accuracy"].dims == ("link", "task", "es_n0_db", "budget", "image", "fade")
    for row in records.itertuples():
        cell = data.sel(
            link=row.link, task=row.task, es_n0_db=row.es_n0_db, budget=row.budget, image=row.image, fade=row.fade
        )
        assert float(cell["channel_uses"]) == row.channel_uses
        assert float(cell["denominator"]) == row.denominator and str(cell["group"].item()) == row.group
    assert len(run.plot("accuracy-vs-snr").axes) == 3  # two tasks and their mean
    assert run.provenance["format"] == FORMAT
    pd.testing.assert_frame_equal(tw.read(out).records, records)
    with pytest.raises(ValueError, match="accuracy-vs-bandwidth"):
        run.plot("accuracy-vs-time")
    with pytest.raises(ValueError, match="scheme"):
        run.gains()


@pytest.mark.parametrize(
    ("keys", "settings", "message"),
    [
        ({"snr": [0]}, {}, "'snr' is no key"),
        ({}, {"radio.chanel": "awgn"}, "did you mean 'channel'"),
        ({"budgets": [500.5]}, {}, "sweep.budgets"),
        ({"count": True}, {}, "images.count = True"),
    ],
)
def test_keys_and_values_that_are_not_allowed_are_refused(
    file: Path, keys: dict[str, object], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        tw.run(file, settings=settings, **keys)
    assert "is no key" in message or isinstance(caught.value, ScenarioError)
