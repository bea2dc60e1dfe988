"""The judges of a comparison, one for each kind of task."""

from collections.abc import Sequence

from taskwave.semantic.judges.base import Judge
from taskwave.semantic.tasks.base import Task


class Panel:
    """Holds judges; of several for one kind of task the first one answers.

    Args:
        judges: the judges, those that were chosen before those that stand by.
        missing: why further judges cannot answer.
    """

    def __init__(self, judges: Sequence[Judge], missing: Sequence[str] = ()) -> None:
        self._judges, self._missing = tuple(judges), tuple(missing)

    @property
    def judges(self) -> tuple[Judge, ...]:
        """All judges, those that were chosen before those that stand by."""
        return self._judges

    def of_kind(self, kind: str) -> Judge | None:
        """Return the judge of a kind of tasks; None where there is none."""
        return next((judge for judge in self._judges if kind in judge.kinds), None)

    def of(self, task: Task) -> Judge:
        """Return the judge of a task, the first of `all_of`.

        Raises:
            ValueError: there is none.
        """
        return self.all_of(task)[0]

    def all_of(self, task: Task) -> list[Judge]:
        """Return all judges of a task; one that a task of another package brings itself (`task.judge`) stands by.

        Raises:
            ValueError: there is none.
        """
        found = [judge for judge in self._judges if task.kind in judge.kinds]
        own: Judge | None = getattr(task, "judge", None)
        if found:
            return found
        if own is not None:
            return [own]
        known = "; ".join(f"{judge.name}: {', '.join(judge.kinds)}" for judge in self._judges)
        why = "; ".join((known, *self._missing))
        raise ValueError(f"no judge answers {task.prompt!r}, a task of kind {task.kind} ({why}): name one as `judge`")
