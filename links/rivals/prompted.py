"""An ordinary image codec after a prompt: a coarse picture, the receiver's prompt, then the prompted regions."""

from collections.abc import Sequence

import numpy as np
import torch

from taskwave.links.base import BudgetError, Delivery, LinkKind
from taskwave.links.bitwise.image_codecs import Pixels
from taskwave.links.bitwise.ladder import ladder_store, restore, smallest_payload
from taskwave.links.bitwise.source import codec_source, to_image, to_pixels
from taskwave.links.rivals.regions import (
    HEADER_BYTES,
    cut,
    find_regions,
    from_payload,
    put_back,
    size_of_cut,
    to_payload,
    whole,
)
from taskwave.links.task_adaptive.prompts import PromptTransfer
from taskwave.links.transport.rate import CodedTransport, Offer, OfferWithin
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.language.lexicon import Meaning, canonical
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.weights import Models

COARSE = 0.3
"""Share of the budget that the coarse picture gets."""


class PromptedCodecLink:
    """Sends a coarse picture, hears what the receiver wants to see, and sends those regions as a second codestream.

    The receiver names the classes that its task is about; the transmitter finds them by the locator, and sends place,
    size and pixels of the regions, which the receiver pastes into the coarse picture. Where the prompt is lost, the
    task names no class or nothing is found, the second message is the whole picture. All messages are coded as those of
    `BitwiseLink`; the MCS of the second is chosen by the expected decrease of the squared error.

    Args:
        models: networks; the locator and the text encoder, the task network for the coarse picture's MCS, and the
            receiver's prior for a coarse picture that is lost.
        radio: the radio.
        codec: "jpeg", "jpeg2000", "webp" or "avif".
    """

    kind: LinkKind = "bitwise"

    def __init__(self, models: Models, radio: Radio, codec: str) -> None:
        self.name = f"prompted-{codec}"
        self.models, self._source = models, codec_source(codec, models)
        self._ladders = ladder_store(codec)
        self.coarse, self.detail = CodedTransport(radio), CodedTransport(radio, occasion=1)
        self.prompts = PromptTransfer(radio)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; one coarse picture serves all tasks."""
        height, width = images.shape[-2:]
        smallest, cost = self._source.smallest(height, width), self.prompts.least_uses(air, 0)
        offers = [self._source.worth(image).offer for image in images]
        share = int(COARSE * budget)
        try:
            received = self.coarse.run(offers, smallest, share, air, "the coarse picture")
        except BudgetError as error:
            raise BudgetError(
                f"{self.name}: a budget of {budget} channel uses, of which {share} are for {error}"
            ) from error
        (coarse,) = self._source.deliver(received, images, 1)
        left = budget - int(received.channel_uses.max()) - cost
        if left <= 0:
            raise BudgetError(f"{self.name}: a budget of {budget} channel uses leaves nothing after the coarse picture")
        return [self._serve(images, task, left, coarse, air) for task in tasks]

    def _serve(self, images: torch.Tensor, task: Task, left: int, coarse: Delivery, air: AirInterface) -> Delivery:
        """Exchange prompt and regions for one task."""
        batch, cost = len(images), self.prompts.least_uses(air, 0)
        wish = canonical(Meaning(tuple(sorted(task.street_classes)))) if task.street_classes else None
        snr = torch.full((batch,), 10 ** (air.es_n0_db / 10))
        heard, spent = self.prompts.send([wish] * batch, snr, air, 0, torch.full((batch,), cost))
        texts = [None if h is None else h.text for h in heard]
        relevance = self._relevance(images, texts)
        before = coarse.image
        assert before is not None, "a codec delivers images"
        offers = [
            self._offers(to_pixels(image), to_pixels(old), text, where)
            for image, old, text, where in zip(images, before, texts, relevance, strict=True)
        ]
        smallest = 1 + HEADER_BYTES + smallest_payload(self._source.codec, 16, 16)
        try:
            received = self.detail.run(offers, smallest, left, air, "the regions")
        except BudgetError as error:
            raise BudgetError(f"{self.name}: {left} channel uses are left for {error}; raise the budget") from error
        outage = coarse.outage.clone()
        shown = before.clone()
        for i, payload in enumerate(received.payloads):
            pixels = None if payload is None else self._pasted(to_pixels(before[i]), payload)
            if pixels is not None:
                shown[i], outage[i] = to_image(pixels).to(shown), False
        turns = (spent.uses > 0) * 2 * air.config.turnaround_slots
        return Delivery(
            channel_uses=coarse.channel_uses + spent.uses + received.channel_uses,
            feedback_uses=coarse.feedback_uses + spent.uses + received.feedback_uses,
            airtime_slots=coarse.airtime_slots + spent.slots + received.airtime_slots + turns,
            outage=outage,
            image=shown,
            stages={"coarse": before, "attention": relevance},
            messages=[wish or ""] * batch,
            heard=texts,
        )

    def _relevance(self, images: torch.Tensor, texts: Sequence[str | None]) -> torch.Tensor:
        """Return the relevance of tokens [B, h, w] to the prompts, one everywhere where none was heard."""
        height, width = images.shape[-2:]
        asked = [i for i, text in enumerate(texts) if text is not None]
        limits = whole(height, width)
        relevance = torch.ones(len(images), limits.height, limits.width)
        if asked:
            embeddings = self.models.text_encoder.embed([texts[i] or "" for i in asked]).to(images)[:, None]
            relevance[asked] = self.models.locator(images[asked], embeddings)[:, 0].float().cpu()
        return relevance

    def _offers(self, pixels: Pixels, before: Pixels, text: str | None, relevance: torch.Tensor) -> OfferWithin:
        """Return what can be sent of an image within a number of bytes: its regions, or all where none is known."""
        height, width, _ = pixels.shape
        regions = [] if text is None else find_regions(relevance)
        regions = regions or [whole(height, width)]
        mosaic, known = cut(pixels, regions), cut(before, regions)
        ladder, header = self._ladders.ladder(mosaic), len(to_payload(regions, b""))
        missing = max(_squared_error(known, mosaic), 1e-9)

        def offer(limit: int) -> Offer | None:
            rung = ladder.best(limit - header)
            if rung is None:
                return None
            left = 255**2 / 10 ** (rung.psnr / 10)
            return Offer(to_payload(regions, rung.payload), max(0.0, 1 - left / missing))

        return offer

    def _pasted(self, before: Pixels, payload: bytes) -> Pixels | None:
        """Return an image with the regions of a payload, or None where it makes no sense."""
        height, width, _ = before.shape
        try:
            regions, code = from_payload(payload, height, width)
            return put_back(before, restore(self._source.codec, code, *size_of_cut(regions, height, width)), regions)
        except ValueError:
            return None


def _squared_error(pixels: Pixels, reference: Pixels) -> float:
    return float(np.mean(np.square(pixels.astype(np.float32) - reference.astype(np.float32))))
