"""The task-adaptive link in rounds: a receiver gets windows of which it is unsure finer, until it is sure."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import torch

from taskwave.links.answers.networks import task_networks
from taskwave.links.task_adaptive.content import REFINED
from taskwave.links.task_adaptive.digital import DigitalPlan, Held, Turn
from taskwave.links.task_adaptive.header import MOST_WINDOWS
from taskwave.links.task_adaptive.link import TaskAdaptiveLink
from taskwave.links.task_adaptive.receiver import Receiver
from taskwave.links.task_adaptive.state import Asked, Shown, Wanted
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.links.uci import UciLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.windows import STEPS
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.weights import Models

ENOUGH, LAST_ENOUGH = 0.95, 0.98
"""Share of the best expected worth for which a shorter message does, as another may follow, and for the last one."""


class RoundsLink(TaskAdaptiveLink):
    """Sends windows as bits in rounds, as many as the receiver asks for and the budget and the occasions allow.

    The first message is as short as does; then the receiver, whose task network looked at the picture, says in a word
    of six bits of which windows it is unsure, or that nothing came. The transmitter sends those windows by a step three
    times as fine, as what that adds to what is there, or all anew. A word that is misread makes it send what the
    receiver does not need, or cannot use. Where symbols promise more than bits, or the receiver's task is not about
    objects, there is one round.

    Args:
        models: networks of both ends; `Models.judges` are the receiver's.
        radio: the radio.
        samples: number of samples of its picture that the receiver looks at; 0: it looks at what it expects.

    Raises:
        ValueError: the models have no judges.
    """

    def __init__(self, models: Models, radio: Radio, samples: int = 0) -> None:
        super().__init__(models, radio, samples=samples)
        self.name = "task-adaptive-rounds" + (f"-{samples}-samples" if samples else "")
        self.receiver, self.reports = Receiver(task_networks(models, self.name)), UciLink(radio)

    def _asked(self, task: Task) -> Hashable:
        """Return all that the link knows of a task: the receiver's end knows it."""
        return task.name

    def _send_bits(
        self,
        plan: DigitalPlan,
        made_for: tuple[Wanted, Turn],
        receiver: tuple[Asked, Task],
        before: Shown,
        air: AirInterface,
    ) -> Shown:
        """Send bits in rounds, of which `plan`, which takes all that is allowed, is the measure."""
        first, (wanted, turn), (asked, task) = plan, made_for, receiver
        if not self.receiver.can_tell(task):
            return super()._send_bits(plan, made_for, receiver, before, air)
        general, begin = turn.general, turn.occasion
        sent: Held | None = None
        theirs: Held | None = None
        rows, start, end = list(range(MOST_WINDOWS)), int(before.channel_uses), air.fading.occasions
        for occasion in range(begin, end):
            cost = self.reports.channel_uses(MOST_WINDOWS + 1, air.reverse(occasion)) if occasion + 1 < end else 0
            left = replace(wanted, allowed=wanted.allowed - (int(before.channel_uses) - start))
            turn, following = Turn(general, occasion, ENOUGH), None
            if cost:
                following = self._next(replace(left, allowed=left.allowed - cost), sent, rows, turn, air)
            if following is None or (occasion == begin and following.worth < ENOUGH * first.worth):
                # A word would cost too much: this is the last message, of which nobody needs to hear.
                cost, turn = 0, Turn(general, occasion, LAST_ENOUGH)
                following = self._next(left, sent, rows, turn, air)
            if following is None:
                break
            if occasion > begin:
                before = before.later(0, air.config.turnaround_slots)
            held = theirs
            before, theirs = self.digital.send(following, asked, (before, theirs), turn, air)
            if not cost:
                break
            heard, before = self._report(before, (held, theirs), task, air, occasion)
            rows = [row for row in range(MOST_WINDOWS) if heard[row]]
            sent = sent if heard[MOST_WINDOWS] else following.held
            if not any(heard):
                break
        return before

    def _next(
        self, wanted: Wanted, sent: Held | None, rows: Sequence[int], turn: Turn, air: AirInterface
    ) -> DigitalPlan | None:
        """Plan a message: finer windows for one who holds what was `sent`, or all of them."""
        if sent is None:
            return self.digital.plan(wanted, turn, air)
        return self.digital.refine(wanted, sent, [row for row in rows if row < len(sent.windows)], turn, air)

    def _report(
        self, shown: Shown, held: tuple[Held | None, Held | None], task: Task, air: AirInterface, occasion: int
    ) -> tuple[list[bool], Shown]:
        """Say of which windows the receiver is unsure, and last whether nothing came; return what is heard of it.

        Args:
            shown: what it shows.
            held: what it held before the last message, and holds.
            task: its task.
            air: air of this image alone.
            occasion: forward occasion of the message.
        """
        before, theirs = held
        word = [False] * MOST_WINDOWS + [theirs is before]
        if theirs is not None:
            able = (theirs.steps + REFINED < len(STEPS)).tolist()
            seen = shown.picture if self.sampler is None else self.sampler.pictures(shown, air)
            for row in self.receiver.unsure(seen, task, theirs.windows):
                word[row] = able[row]
        reverse = air.reverse(occasion)
        reception = self.reports.send(torch.tensor([word], dtype=torch.uint8), reverse)
        slots = reception.slots + air.config.turnaround_slots
        return reception.bits[0].bool().tolist(), shown.answered(reception.channel_uses, slots)
