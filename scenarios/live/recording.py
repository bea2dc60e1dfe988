"""Recordings of the live link: what the receivers heard, as SigMF with what it takes to decode it again, and that."""

import base64
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from pydantic import ValidationError

import taskwave
from taskwave.links.base import Delivery
from taskwave.links.bitwise.source import to_image, to_pixels
from taskwave.phy.channel.air import Direction
from taskwave.phy.gnuradio.medium import HeardBurst
from taskwave.phy.gnuradio.recorder import RecordingWriter
from taskwave.phy.gnuradio.sigmf import Recording, RecordingError, open_recording, read_samples
from taskwave.phy.gnuradio.wire import Message, Samples
from taskwave.phy.waveform.ofdm import carrier_modem
from taskwave.scenarios.config.scenario import Scenario
from taskwave.scenarios.live.session import LiveReport
from taskwave.semantic.tasks import segmentation
from taskwave.semantic.tasks.segmentation import Segmentation

_NAMESPACE = {"name": "taskwave", "version": "1.0.0", "optional": True}
"""Extension of SigMF that the keys `taskwave:…` belong to."""


class LiveRecorder:
    """Records what the receivers of both directions heard, image by image.

    The transmitter's half of a link is needed to decode again (its plan decides what the receiver looks for), so that
    the recording holds the images that were sent, too.

    Args:
        path: path of the recording, with or without ending.
        scenario: scenario of the link.

    Raises:
        RecordingError: there is such a recording already, or its folder cannot be written to.
    """

    def __init__(self, path: Path, scenario: Scenario) -> None:
        general = {
            "core:extensions": [_NAMESPACE],
            "core:description": "What both receivers of a live link of TaskWave heard of each burst",
            "taskwave:release": taskwave.__version__,
            "taskwave:scenario": scenario.model_dump(mode="json"),
        }
        rate, frequency = carrier_modem(scenario.radio).sample_rate, 1e9 * scenario.radio.carrier_ghz
        self._writer = RecordingWriter(str(path), rate, frequency, "TaskWave live link", general)
        self._due = 1

    @property
    def path(self) -> Path:
        """File of the metadata."""
        return self._writer.meta

    @property
    def samples(self) -> int:
        """Number of samples so far."""
        return self._writer.count

    def add(self, name: str, image: torch.Tensor, task: Segmentation, report: LiveReport) -> None:
        """Append what was heard of one image [3, H, W].

        Raises:
            StorageError: the recording cannot be written.
        """
        writer, start = self._writer, self._writer.count
        for burst in report.heard:
            for window in burst.windows:
                writer.begin_capture()
                writer.write(window)
        file = io.BytesIO()
        Image.fromarray(to_pixels(image)).save(file, "webp", lossless=True)
        writer.annotations.append(
            {
                "core:sample_start": start,
                "core:sample_count": writer.count - start,
                "core:label": name[:20],
                "taskwave:image": name,
                "taskwave:pixels": base64.b64encode(file.getvalue()).decode(),
                "taskwave:task": task.prompt,
                "taskwave:bursts": [
                    {"direction": burst.direction, "windows": [len(window) for window in burst.windows]}
                    for burst in report.heard
                ],
                "taskwave:answer": answer_digest(report.delivery),
            }
        )
        # Written again at each doubling, so that a station that is killed loses half of it at most.
        if len(writer.annotations) >= self._due and writer.count:
            self._due = 2 * len(writer.annotations)
            writer.write_meta()

    def close(self) -> None:
        """Finish the recording; without samples there is none."""
        self._writer.close()


@dataclass(frozen=True)
class HeardImage:
    """Holds what was heard of one image and what was sent."""

    name: str
    image: torch.Tensor
    """Image that was sent, [3, H, W] float in [0, 1]."""
    task: Segmentation
    bursts: tuple[HeardBurst, ...]
    """What was heard of each burst, in order."""
    answer: str
    """`answer_digest` of the live link."""


class PlayedExchange:
    """Plays what was heard of bursts in place of flowgraphs; what the transmitter sends is dropped."""

    def __init__(self) -> None:
        self._bursts: list[HeardBurst] = []
        self._windows: list[Samples] = []

    def load(self, bursts: Sequence[HeardBurst]) -> None:
        """Take the bursts of the next image."""
        self._bursts = list(bursts)

    def send(self, samples: Samples, fronts: Samples, direction: Direction) -> None:
        """Go on to the next burst.

        Raises:
            RecordingError: the recording has no burst in this direction here.
        """
        if not self._bursts or self._bursts[0].direction != direction:
            raise RecordingError(
                f"the recording has no further {direction} burst of this image, but the link sends one: replay it with "
                "the weights and the release that recorded it, and samples that are as recorded"
            )
        self._windows = list(self._bursts.pop(0).windows)

    def receive(self, deadline: float) -> Samples | None:
        """Return the next window of the burst, None after the last."""
        return self._windows.pop(0) if self._windows else None

    def end_search(self, direction: Direction) -> None:
        """Leave the burst."""
        self._windows = []

    def publish(self, message: Message) -> None:
        """Drop what is for display."""


def answer_digest(delivery: Delivery) -> str:
    """Return the SHA-256 of the answer to one image, by which two are compared."""
    assert delivery.answers is not None and isinstance(delivery.answers[0], torch.Tensor), "a live link segments"
    return hashlib.sha256(np.ascontiguousarray(delivery.answers[0].numpy()).tobytes()).hexdigest()


def open_heard(name: str) -> tuple[Scenario, Iterator[HeardImage]]:
    """Read a recording of `LiveRecorder`: its scenario, and what was heard of each image.

    Raises:
        RecordingError: the recording cannot be read, or is none of a live link.
    """
    recording = open_recording(name)
    tables, annotations = recording.values["global"].get("taskwave:scenario"), recording.values.get("annotations")
    if not isinstance(tables, dict) or not isinstance(annotations, list):
        raise RecordingError(
            f"{recording.meta} has no taskwave:scenario: only recordings of `taskwave radio --record` can be replayed"
        )
    try:
        scenario = Scenario.model_validate(tables)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordingError(
            f"{recording.meta}: taskwave:scenario is none of this release ({where}: {first['msg']}): replay it with "
            f"release {recording.values['global'].get('taskwave:release')}"
        ) from None
    return scenario, (_heard(recording, samples, note) for samples in [read_samples(recording)] for note in annotations)


def _heard(recording: Recording, samples: Samples, note: Any) -> HeardImage:
    """Return what an annotation says of an image, with its samples."""
    try:
        pixels = base64.b64decode(note["taskwave:pixels"], validate=True)
        with Image.open(io.BytesIO(pixels), formats=["webp"]) as file:
            image = to_image(np.array(file.convert("RGB")))
        at, bursts = int(note["core:sample_start"]), []
        for burst in note["taskwave:bursts"]:
            windows = []
            for count in burst["windows"]:
                if not 0 <= at <= at + int(count) <= len(samples):
                    raise ValueError(f"samples {at} to {at + int(count)} of {len(samples)}")
                windows.append(samples[at : at + int(count)])
                at += int(count)
            bursts.append(HeardBurst(burst["direction"], windows))
        name, answer = str(note["taskwave:image"]), str(note["taskwave:answer"])
        return HeardImage(name, image, segmentation.read(note["taskwave:task"]), tuple(bursts), answer)
    except (KeyError, TypeError, AttributeError, ValueError, OSError, Image.DecompressionBombError) as error:
        raise RecordingError(
            f"{recording.meta}: an annotation is damaged ({type(error).__name__}: {error}): copy the recording again"
        ) from None
