"""Links whose transmitter owns the task networks get the judges of the receivers, which are in the names of results."""

from pathlib import Path
from types import ModuleType

from taskwave.scenarios.config import loading
from taskwave.scenarios.sweep.evaluation import Evaluator
from taskwave.scenarios.sweep.points import SweepPoint

LINKS = ("jpeg", "task-adaptive", "answer", "prompted-answer", "all-answers", "toy")


def evaluator(toys: ModuleType, folder: Path, *overrides: str) -> Evaluator:
    (folder / "toy.toml").write_text(toys.SCENARIO)
    return Evaluator(loading.load(str(folder / "toy.toml"), overrides), toys.Models())


def test_all_judges_are_in_the_names_of_their_results_only(toys: ModuleType, tmp_path: Path) -> None:
    """The judge of signs answers no question about cars, but a transmitter that has it may send what it finds."""
    plain, with_signs = (evaluator(toys, tmp_path, *more) for more in ((), ("judge=gtsdb",)))
    assert plain.judges == with_signs.judges
    points = [SweepPoint(0, 0.0, 200, link) for link in LINKS]
    alike = {point.link: plain.key(point) == with_signs.key(point) for point in points}
    assert alike == {"jpeg": True, "task-adaptive": True} | dict.fromkeys(LINKS[2:], False)


def test_links_get_the_judges_that_answer_for_the_receivers(toys: ModuleType, tmp_path: Path) -> None:
    models = toys.Models()
    (tmp_path / "toy.toml").write_text(toys.SCENARIO)
    found = Evaluator(loading.load(str(tmp_path / "toy.toml")), models)
    assert found.jury.models.judges is found.jury.panel
    assert models.judges is None, "the models of the caller stay as they were"
    assert found.on_grid(found.scenario).jury is found.jury
