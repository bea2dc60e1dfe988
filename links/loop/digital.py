"""Messages of windows as quantised components in a transport block, over LDPC and QAM.

The MCS is chosen by what the receiver, with its prompt, said of the channel: what is expected is the mean over the
calibration channels on which the general part arrived about as well. A receiver knows neither MCS nor whether a message
is analog; it would try what there is, as a terminal tries the formats of control information, and the CRC would say
which one it was.
"""

from dataclasses import dataclass

import torch

from taskwave.links.loop.header import HeaderCode
from taskwave.links.loop.plan import grids
from taskwave.links.loop.state import Asked, Shown, Wanted, redrawn
from taskwave.links.task_adaptive.plan import from_bits, to_bits
from taskwave.links.task_adaptive.prompts import effective_snr
from taskwave.links.transport.arrival import Calibration, Transmission, arrival_prediction
from taskwave.links.transport.rate import RateOption, worth_considering
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import mcs_ladder
from taskwave.phy.links.harq import HarqLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.placement import Window
from taskwave.semantic.codec.quantiser import bits, expected_snr_db, from_bytes, restored, scaled, to_bytes
from taskwave.semantic.codec.windows import ANYTHING, STEPS, Question, WindowCode

USUAL = 3
"""Index of the step that tiles of the whole image should have before there are more tiles."""
GRIDS = (2, 4, 7, 12, 17, 22)
"""Which of the tilings of an image a message may have, coarsest first."""
_ALIKE = 32
"""Number of calibration channels over which what is expected is averaged."""
_STEP_BITS, _COUNT_BITS, _GRID_BITS = 3, 3, 3
_SLACK = 2
"""Bytes that a code may be longer than expected."""
_CALIBRATION = Calibration(draws=256, occasions=2)


@dataclass(frozen=True)
class Content:
    """Says what a message holds: windows for the question, and tiles of the whole image."""

    windows: tuple[Window, ...]
    step: int
    """Index of the step of windows, into `STEPS`."""
    tiles: tuple[Window, ...] = ()
    grid: int = 0
    """Index of the tiling, into `GRIDS`; of no meaning without tiles."""
    tile_step: int = 0
    """Index of the step of tiles."""

    @property
    def every(self) -> tuple[Window, ...]:
        """Tiles, then windows, as they are coded and drawn."""
        return self.tiles + self.windows

    def steps(self) -> torch.Tensor:
        """Return the step of each of `every`."""
        named = [self.tile_step] * len(self.tiles) + [self.step] * len(self.windows)
        return torch.tensor([STEPS[index] for index in named])


@dataclass(frozen=True)
class DigitalPlan:
    """Says what a transport block holds and how it is sent."""

    option: RateOption | None
    payload: bytes
    worth: float
    """How well what the windows show is expected to be recognised, 0…1, losses of the block counted."""


class DigitalMessages:
    """Sends windows of an image as transport blocks.

    Args:
        code: the code of windows.
        radio: the radio.
    """

    def __init__(self, code: WindowCode, radio: Radio) -> None:
        self.code, self.radio = code, radio
        self.links = {mcs: HarqLink(radio, mcs) for mcs in mcs_ladder()}
        self._known: dict[tuple[int, float, int, float | None], list[RateOption]] = {}

    def plan(self, wanted: Wanted, general: int, air: AirInterface) -> DigitalPlan | None:
        """Plan the windows that promise most, and the whole image with what is left; None where nothing fits.

        Args:
            wanted: what to send.
            general: number of symbols of the general part, by which the receiver measured its channel.
            air: air of this image alone.
        """
        options, sizes, most = self._options(wanted, general, air), self._sizes(wanted), len(wanted.windows)
        best, content = DigitalPlan(None, b"", -1.0), Content((), 0)
        for option in options:
            if not most:  # the bits that are expected to arrive
                promised = [(option.success * option.payload_bytes, 0, 0)]
            else:
                room = 8 * (option.payload_bytes - _SLACK)
                promised = [
                    (option.success * float(self.code.step_worth[step]) * count / most, count, step)
                    for count in range(1, most + 1)
                    for step in range(len(STEPS))
                    if self._header_bits(wanted.size, count) + float(sizes[step, :count].sum()) <= room
                ]
            for worth, count, step in promised:
                if worth > best.worth:
                    best, content = DigitalPlan(option, b"", worth), Content(wanted.windows[:count], step)
        if best.option is None:
            return None
        payload = self._filled(wanted, content, best.option.payload_bytes)
        return None if payload is None else DigitalPlan(best.option, payload, best.worth if most else 0.0)

    def send(self, wanted: Wanted, plan: DigitalPlan, asked: Asked, before: Shown, air: AirInterface) -> Shown:
        """Send what was planned.

        Args:
            wanted: what to send.
            plan: how.
            asked: what the receiver asked.
            before: what it shows before.
            air: air of this image alone.
        """
        assert plan.option is not None, "a plan that is sent has an MCS"
        reception = self.links[plan.option.mcs].send([plan.payload], [wanted.allowed], air, occasion=1)
        picture, payload = before.picture, reception.payloads[0]
        if payload is not None:
            try:
                content, code = self._read(payload, wanted.size)
                steps, question = content.steps(), _question(asked, content)
                indices = from_bytes(self.code, code, steps, question.kinds)
            except ValueError:  # an error that the CRC did not see
                content = None
            if content is not None:
                known = restored(self.code, indices, steps, question.kinds)
                for some in (slice(len(content.tiles)), slice(len(content.tiles), None)):
                    if content.every[some]:
                        part = (known[0][some], known[1][some])
                        picture = redrawn(self.code, picture, content.every[some], part, question.select(some))
        return before.later(picture, reception.channel_uses, reception.slots)

    def _options(self, wanted: Wanted, general: int, air: AirInterface) -> list[RateOption]:
        """List what can be sent, by falling success, given what the transmitter knows of the channel."""
        heard = wanted.said.snr_db if wanted.said.measured else None
        key = wanted.allowed, air.es_n0_db, general, heard
        if key not in self._known:
            prediction = arrival_prediction(self.radio.rehearsal or self.radio, air.es_n0_db, _CALIBRATION)
            among = torch.arange(_CALIBRATION.draws)
            if heard is not None:
                noise = 10 ** (-prediction.sinr_db(Transmission(0, general)) / 10)
                among = (10 * effective_snr(noise).log10() - heard).abs().argsort()[:_ALIKE]
            found = []
            for mcs, link in self.links.items():
                size = link.payload_bytes(wanted.allowed)
                if size:
                    sent = [Transmission(1, link.symbol_link.capacity(wanted.allowed))]
                    success = float(prediction.arrivals(mcs, size, sent)[-1][among].mean())
                    found.append(RateOption(mcs, size, success))
            self._known[key] = worth_considering(found)
        return self._known[key]

    def _header_bits(self, size: tuple[int, int], windows: int) -> int:
        fixed = _COUNT_BITS + 2 * _STEP_BITS + _GRID_BITS
        return fixed + windows * HeaderCode(*size).window_bits

    def _sizes(self, wanted: Wanted) -> torch.Tensor:
        """Return how many bits windows take, [steps, windows]."""
        rows = []
        for step in range(len(STEPS)):
            content = Content(wanted.windows, step)
            rows.append(bits(self.code, self._indices(wanted, content), content.steps(), _kinds(wanted.said, content)))
        return torch.stack(rows)

    def _indices(self, wanted: Wanted, content: Content) -> torch.Tensor:
        """Return the indices [B, 2 S] of what a message holds."""
        if not content.every:
            return torch.zeros(0, 2 * self.code.most)
        question, steps = _question(wanted.said, content), content.steps()
        shown = torch.cat([window.cut(wanted.image) for window in content.every])
        return scaled(self.code, self.code.encode(shown, question), steps, question.kinds).round()

    def _filled(self, wanted: Wanted, content: Content, limit: int) -> bytes | None:
        """Return windows and, with what is left of `limit` bytes, tiles of the whole image; None if nothing fits."""
        payload = self._payload(wanted, content, limit) if content.windows else None
        for grid, columns in enumerate(GRIDS):
            tiles = grids(*wanted.size)[columns - 2]
            steps = range(len(STEPS)) if grid == 0 else range(USUAL, len(STEPS))
            finer = None
            for step in steps:
                found = self._payload(wanted, Content(content.windows, content.step, tiles, grid, step), limit)
                if found is None:
                    break
                finer = found
            if finer is None:
                break
            payload = finer
        return payload

    def _payload(self, wanted: Wanted, content: Content, limit: int) -> bytes | None:
        """Return a message as at most `limit` bytes; None where they do not do."""
        indices, steps, kinds = self._indices(wanted, content), content.steps(), _kinds(wanted.said, content)
        header = self._header(wanted.size, content)
        if len(header) + float(bits(self.code, indices, steps, kinds).sum()) / 8 - _SLACK > limit:
            return None  # the coder is slower than this sum
        payload = header + to_bytes(self.code, indices, steps, kinds)
        return payload if len(payload) <= limit else None

    def _header(self, size: tuple[int, int], content: Content) -> bytes:
        """Return all of a message but its components."""
        grid = content.grid + 1 if content.tiles else 0
        named = [
            (len(content.windows), _COUNT_BITS),
            (content.step, _STEP_BITS),
            (grid, _GRID_BITS),
            (content.tile_step, _STEP_BITS),
        ]
        written = [bit for value, number in named for bit in to_bits(value, number)]
        for window in content.windows:
            written += HeaderCode(*size).of_window(window)
        written += [0] * (-len(written) % 8)
        return bytes(from_bits(written[i : i + 8]) for i in range(0, len(written), 8))

    def _read(self, payload: bytes, size: tuple[int, int]) -> tuple[Content, bytes]:
        """Return what a payload holds, and the code of its components.

        Raises:
            ValueError: it makes no sense.
        """
        places, at = HeaderCode(*size), 0
        written = [bit for byte in payload for bit in to_bits(byte, 8)]

        def take(count: int) -> list[int]:
            nonlocal at
            at += count
            return written[at - count : at]

        count, step, grid, tile_step = (
            from_bits(take(number)) for number in (_COUNT_BITS, _STEP_BITS, _GRID_BITS, _STEP_BITS)
        )
        if self._header_bits(size, count) > len(written) or grid > len(GRIDS):
            raise ValueError("the payload names no windows of the image")
        windows = [places.window_of(take(places.window_bits)) for _ in range(count)]
        if None in windows:
            raise ValueError("the payload names no windows of the image")
        tiles = grids(*size)[GRIDS[grid - 1] - 2] if grid else ()
        content = Content(tuple(each for each in windows if each), step, tiles, max(0, grid - 1), tile_step)
        return content, payload[-(-at // 8) :]


def _kinds(end: Asked, content: Content) -> torch.Tensor:
    """Return the kind of each window of a message."""
    return torch.tensor([ANYTHING] * len(content.tiles) + [end.kind] * len(content.windows), dtype=torch.long)


def _question(end: Asked, content: Content) -> Question:
    """Return what an end knows of each window of a message."""
    about = torch.tensor([False] * len(content.tiles) + [True] * len(content.windows))
    return Question(about[:, None] * end.embedding, expected_snr_db(content.steps()), _kinds(end, content))
