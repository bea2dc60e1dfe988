"""Links that no budget carries are found without a transmission, and are those that a run leaves out."""

from pathlib import Path
from types import ModuleType

import pytest

from taskwave.links.base import BudgetError
from taskwave.scenarios.config import loading
from taskwave.scenarios.sweep.carrying import uncarried
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import SweepPoint, sweep_points
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.weights import load_models

LINKS = ["task-adaptive", "avif", "avif-harq", "webp-nr", "answer", "ideal-avif", "outage-jpeg", "finite-webp"]
SHORT = """
tasks = ["cars"]
images.count = 1
radio = {channel = "awgn", num_tx_ant = 1, num_rx_ant = 1, num_layers = 1, csi = "perfect", max_prb = 24}
sweep = {es_n0_db = [6], budgets = [1], links = ["avif"]}
"""


def test_a_toy_says_what_it_needs(toys: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text(toys.SCENARIO)
    for budgets, told in (("[50, 99]", {"toy"}), ("[50, 100]", set())):
        scenario = loading.load(str(tmp_path / "toy.toml"), [f"sweep.budgets={budgets}"])
        faults = uncarried(Evaluator(scenario, toys.Models()))
        assert {link for link, refused in faults.items() if len(refused) == 2} == told, "the twin sends first"
        assert faults["toy"][50].startswith("toy needs 100 channel uses, the budget is 50")


@pytest.mark.slow
@pytest.mark.parametrize("budget", [1, 60])
def test_they_are_the_links_that_a_run_leaves_out(tmp_path: Path, budget: int) -> None:
    (tmp_path / "short.toml").write_text(SHORT)
    scenario = loading.load(str(tmp_path / "short.toml"), [f"sweep.links={LINKS}", f"sweep.budgets=[{budget}]"])
    evaluator = Evaluator(scenario, load_models())
    faults, left_out = uncarried(evaluator), {}
    for point in sweep_points(scenario):
        try:
            evaluator.deliver(point)
        except BudgetError as error:
            left_out[point.link] = str(error)
    assert {link: refused[budget] for link, refused in faults.items()} == left_out
    assert set(faults) == set(LINKS) if budget == 1 else "task-adaptive" in faults


def test_links_that_are_shown_annotations_see_those_of_their_images(
    toys: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Truth, ...]] = []

    class Told(toys.Toy):  # type: ignore[misc, name-defined]
        def informed_by(self, truths: tuple[Truth, ...]) -> "Told":
            seen.append(truths)
            return self

    (tmp_path / "toy.toml").write_text(toys.SCENARIO)
    evaluator = Evaluator(loading.load(str(tmp_path / "toy.toml"), ["sweep.links=['toy']"]), toys.Models())
    link = Told(evaluator.models, evaluator.radios[0])
    monkeypatch.setattr(evaluator, "link", lambda name, distance_m: link)
    truths = evaluator.batch(0).truths
    evaluator.deliver(SweepPoint(0, 0.0, 200, "toy"))
    assert seen.pop() == truths and len(truths) == 2 and not seen
    uncarried(evaluator)
    assert seen and set(map(len, seen)) == {1} and seen[0][0] is truths[0]
