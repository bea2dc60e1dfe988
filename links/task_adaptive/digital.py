"""Messages of windows as quantised components in a transport block, over LDPC and QAM.

A receiver knows neither MCS nor length, nor whether a message is analog; it would try what there is, as a terminal
tries the formats of control information, and the CRC would say which one it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from taskwave.links.task_adaptive.adaptation import LinkAdaptation, Report
from taskwave.links.task_adaptive.content import (
    GRIDS,
    REFINED,
    Again,
    Content,
    header_bytes,
    header_size,
    question_of,
    read_payload,
)
from taskwave.links.task_adaptive.state import Asked, Shown, Wanted
from taskwave.links.transport.rate import RateOption
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.quantiser import (
    bits,
    from_bytes,
    refined_bits,
    refined_from_bytes,
    refined_to_bytes,
    restored,
    scaled,
    to_bytes,
)
from taskwave.semantic.codec.windows import STEPS, Question, WindowCode

USUAL = 2
"""Index of the step that tiles of the whole image should have before there are more tiles."""
LENGTHS = tuple(round(48 * 2 ** (i / 3)) for i in range(36))
"""Channel uses that a message may occupy at most, where it need not fill all that is allowed."""
_SLACK = 2
"""Bytes that a code may be longer than expected."""


@dataclass(frozen=True)
class Turn:
    """Says when a message is sent, and how thrifty its transmitter is."""

    general: int
    """Number of symbols of the general part, by which the receiver measured its channel."""
    occasion: int = 1
    """Forward occasion."""
    enough: float = 1.0
    """Share of the best expected worth for which a shorter message does; 1: it fills what is allowed."""


@dataclass(frozen=True)
class Held:
    """Holds what an end has of windows."""

    windows: tuple[Window, ...]
    steps: torch.Tensor
    """Index of the step of each, into `STEPS`, [n] int64."""
    indices: torch.Tensor
    """Indices [n, 2 S]."""

    def sizes(self) -> torch.Tensor:
        """Return the steps [n]."""
        return torch.tensor(STEPS)[self.steps]


@dataclass(frozen=True)
class DigitalPlan:
    """Says what a transport block holds and how it is sent."""

    option: RateOption
    allowed: int
    """Channel uses that it may occupy."""
    payload: bytes
    worth: float
    """How well what the windows show is expected to be recognised, 0…1, losses of the block counted."""
    held: Held
    """What the receiver has of the windows if it arrives."""


class DigitalMessages:
    """Sends windows of an image as transport blocks.

    Args:
        code: the code of windows.
        radio: the radio.
    """

    def __init__(self, code: WindowCode, radio: Radio) -> None:
        self.code, self.adaptation = code, LinkAdaptation(radio)

    def plan(self, wanted: Wanted, turn: Turn, air: AirInterface) -> DigitalPlan | None:
        """Plan the windows that promise most, and the whole image with what is left; None where nothing fits.

        Args:
            wanted: what to send.
            turn: when and how.
            air: air of this image alone.
        """
        components, count = self._components(wanted, wanted.windows), len(wanted.windows)
        kinds = question_of(wanted.said, 0, count).kinds
        steps = [torch.full((count,), step) for step in STEPS]
        sizes = torch.stack([bits(self.code, (components / each[:, None]).round(), each, kinds) for each in steps])
        found = []
        for allowed in self._lengths(wanted.allowed, turn):
            offers = self._worths(wanted, self._options(wanted, allowed, turn, air), sizes)
            if offers:
                found.append((allowed, *max(offers, key=lambda offer: offer[0])))
        if not found:
            return None
        best = max(offer[1] for offer in found)
        allowed, worth, option, count, step = next(each for each in found if each[1] >= turn.enough * best)
        indices = (components[:count] / STEPS[step]).round()
        held = Held(wanted.windows[:count], torch.full((count,), step), indices)
        payload = self._filled(wanted, held, option.payload_bytes, tiled=turn.enough == 1 or not count)
        return None if payload is None else DigitalPlan(option, allowed, payload, worth if count else 0.0, held)

    def refine(
        self, wanted: Wanted, held: Held, rows: Sequence[int], turn: Turn, air: AirInterface
    ) -> DigitalPlan | None:
        """Plan finer components of some windows that the receiver holds; None where none fit.

        Args:
            wanted: what to send.
            held: what the receiver holds.
            rows: which of its windows to refine.
            turn: when and how.
            air: air of this image alone.
        """
        able = [row for row in rows if int(held.steps[row]) + REFINED < len(STEPS)]
        components = self._components(wanted, held.windows)
        for number in range(len(able), 0, -1):
            some = able[:number]
            coarse, steps = held.indices[some], held.steps[some] + REFINED
            fine = components[some] / torch.tensor(STEPS)[steps][:, None]
            fine = fine.round().clamp(3 * coarse - 1, 3 * coarse + 1)
            about = torch.tensor(STEPS)[steps], question_of(wanted.said, 0, number).kinds
            head = header_bytes(Again(tuple(some)).bits())
            needed = len(head) + _SLACK + float(refined_bits(self.code, fine, coarse, *about).sum()) / 8
            found = []
            for allowed in self._lengths(wanted.allowed, turn):
                options = [o for o in self._options(wanted, allowed, turn, air) if o.payload_bytes >= needed]
                if options:
                    found.append((allowed, max(options, key=lambda option: option.success)))
            if found:
                best = max(option.success for _, option in found)
                allowed, option = next(each for each in found if each[1].success >= turn.enough * best)
                payload = head + refined_to_bytes(self.code, fine, coarse, *about)
                if len(payload) <= option.payload_bytes:
                    return DigitalPlan(option, allowed, payload, option.success, _finer(held, some, fine))
        return None

    def send(
        self, plan: DigitalPlan, asked: Asked, before: tuple[Shown, Held | None], turn: Turn, air: AirInterface
    ) -> tuple[Shown, Held | None]:
        """Send what was planned; return what the receiver then shows, and what it holds of windows.

        Args:
            plan: what to send.
            asked: what the receiver asked.
            before: what it shows and holds before.
            turn: when it is sent.
            air: air of this image alone.
        """
        reception = self.adaptation.links[plan.option.mcs].send([plan.payload], [plan.allowed], air, turn.occasion)
        (shown, held), (payload,) = before, reception.payloads
        if payload is not None:
            try:
                shown, held = self._drawn(payload, asked, shown, held)
            except ValueError:  # an error that the CRC did not see
                shown, held = before
        return shown.later(reception.channel_uses, reception.slots), held

    def _drawn(self, payload: bytes, asked: Asked, shown: Shown, held: Held | None) -> tuple[Shown, Held | None]:
        """Return what is shown with what arrived, and what is held of windows then.

        Raises:
            ValueError: the payload makes no sense, as after an error that its CRC did not see.
        """
        size = (shown.picture.shape[-2], shown.picture.shape[-1])
        content, coded = read_payload(payload, size)
        if isinstance(content, Again):
            rows = list(content.rows)
            if held is None or not rows or max(rows) >= len(held.windows):
                raise ValueError("the payload refines what never came")
            steps = held.steps[rows] + REFINED
            if int(steps.max()) >= len(STEPS):
                raise ValueError("the payload refines what is as fine as can be")
            question, coarse = question_of(asked, 0, len(rows)), held.indices[rows]
            fine = refined_from_bytes(self.code, coded, coarse, torch.tensor(STEPS)[steps], question.kinds)
            held = _finer(held, rows, fine)
            return self._redrawn(shown, Held(tuple(held.windows[row] for row in rows), steps, fine), question), held
        tiles, windows = content.tiles(size), content.windows
        steps = torch.tensor([content.tile_step] * len(tiles) + [content.step] * len(windows), dtype=torch.long)
        question = question_of(asked, len(tiles), len(windows))
        indices = from_bytes(self.code, coded, torch.tensor(STEPS)[steps], question.kinds)
        every = Held(tiles + windows, steps, indices)
        for some in (slice(len(tiles)), slice(len(tiles), None)):  # windows lie on tiles
            part = Held(every.windows[some], steps[some], indices[some])
            shown = self._redrawn(shown, part, question.select(some))
        return shown, Held(windows, steps[len(tiles) :], indices[len(tiles) :])

    def _redrawn(self, shown: Shown, held: Held, question: Question) -> Shown:
        """Return what is shown with windows as they are held."""
        if not held.windows:
            return shown
        known = restored(self.code, held.indices, held.sizes(), question.kinds)
        return shown.drawn(self.code, held.windows, known, question)

    def _options(self, wanted: Wanted, allowed: int, turn: Turn, air: AirInterface) -> list[RateOption]:
        """List what can be sent, by falling success, given what the transmitter knows of the channel."""
        heard = Report(turn.general, wanted.said.snr_db) if wanted.said.measured else None
        return self.adaptation.options(allowed, turn.occasion, heard, air)

    def _lengths(self, allowed: int, turn: Turn) -> list[int]:
        """List how many channel uses a message may occupy, rising."""
        shorter = [] if turn.enough == 1 else [length for length in LENGTHS if length < allowed]
        return [*shorter, allowed] if allowed > 0 else []

    def _components(self, wanted: Wanted, windows: Sequence[Window], *, about: bool = True) -> torch.Tensor:
        """Return the components [n, 2 S] of windows in units of pixels, for the question or for none."""
        if not windows:
            return torch.zeros(0, 2 * self.code.most)
        question = question_of(wanted.said, 0, len(windows)) if about else question_of(wanted.said, len(windows), 0)
        shown = torch.cat([window.cut(wanted.image) for window in windows])
        return scaled(self.code, self.code.encode(shown, question), torch.ones(len(windows)), question.kinds)

    def _worths(
        self, wanted: Wanted, options: Sequence[RateOption], sizes: torch.Tensor
    ) -> list[tuple[float, RateOption, int, int]]:
        """Return what each number of windows, by each step, is worth with each MCS that carries it.

        Args:
            wanted: what to send.
            options: the MCSs.
            sizes: bits of windows [steps, windows].
        """
        most = len(wanted.windows)
        if not most:  # the bits that are expected to arrive
            return [(option.success * option.payload_bytes, option, 0, 0) for option in options]
        heads = [header_size(wanted.size, count) + _SLACK for count in range(most + 1)]
        bytes_of = sizes.cumsum(1) / 8
        return [
            (option.success * float(self.code.step_worth[step]) * count / most, option, count, step)
            for option in options
            for count in range(1, most + 1)
            for step in range(len(STEPS))
            if heads[count] + float(bytes_of[step, count - 1]) <= option.payload_bytes
        ]

    def _filled(self, wanted: Wanted, held: Held, limit: int, *, tiled: bool) -> bytes | None:
        """Return windows and, if `tiled`, the whole image with what is left of `limit` bytes; None if nothing fits."""
        content = Content(held.windows, int(held.steps[0]) if held.windows else 0)
        payload = self._payload(wanted, content, held.indices, limit) if held.windows else None
        for grid in range(len(GRIDS)) if tiled else ():
            tiles = Content((), 0, grid).tiles(wanted.size)
            components, finest = self._components(wanted, tiles, about=False), None
            for step in reversed(range(0 if grid == 0 else USUAL, len(STEPS))):
                more = replace(content, grid=grid, tile_step=step)
                indices = torch.cat([(components / STEPS[step]).round(), held.indices])
                finest = self._payload(wanted, more, indices, limit)
                if finest is not None:
                    break
            if finest is None:
                break
            payload = finest
        return payload

    def _payload(self, wanted: Wanted, content: Content, indices: torch.Tensor, limit: int) -> bytes | None:
        """Return a new message as at most `limit` bytes; None where they do not do."""
        tiles = len(indices) - len(content.windows)
        steps = torch.tensor([STEPS[content.tile_step]] * tiles + [STEPS[content.step]] * len(content.windows))
        kinds = question_of(wanted.said, tiles, len(content.windows)).kinds
        head = header_bytes(content.bits(wanted.size))
        if len(head) + float(bits(self.code, indices, steps, kinds).sum()) / 8 - _SLACK > limit:
            return None  # the coder is slower than this sum
        payload = head + to_bytes(self.code, indices, steps, kinds)
        return payload if len(payload) <= limit else None


def _finer(held: Held, rows: Sequence[int], fine: torch.Tensor) -> Held:
    """Return what is held when some windows have come again, finer."""
    steps, indices = held.steps.clone(), held.indices.clone()
    steps[list(rows)] += REFINED
    indices[list(rows)] = fine
    return Held(held.windows, steps, indices)
