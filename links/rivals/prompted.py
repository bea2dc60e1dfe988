"""An ordinary image codec after a prompt: a coarse picture, the receiver's prompt, then the prompted regions."""

from collections.abc import Hashable, Sequence

import torch
from torch.nn import functional

from taskwave.links.base import BudgetError, Delivery, LinkKind, serve_once
from taskwave.links.bitwise.image_codecs import Pixels
from taskwave.links.bitwise.ladder import Rung, psnr, restore, smallest_payload
from taskwave.links.bitwise.source import WeighedRungs, codec_source, to_image, to_pixels
from taskwave.links.rivals.regions import (
    HEADER_BYTES,
    LENGTH_BYTES,
    Region,
    cut,
    find_regions,
    from_payload,
    put_back,
    size_of_cut,
    to_payload,
    whole,
)
from taskwave.links.rivals.relevance import ToldPlaces, located
from taskwave.links.transport.prompts import PromptTransfer
from taskwave.links.transport.rate import CodedTransport, Offer, OfferWithin
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.radio import Radio
from taskwave.semantic.attention.locator import TOKEN
from taskwave.semantic.language.lexicon import naming
from taskwave.semantic.tasks.base import Task
from taskwave.semantic.weights import Models

COARSE = 0.1
"""Share of the budget that the coarse picture gets, chosen on GTSDB train."""
SHARES = (0.25, 0.5, 1.0)
"""Shares of the second message of which the first that does is for the regions, and what they leave for the whole."""
GOOD_DB = 36.0
"""PSNR of regions that do, if the surrogate agrees; at 32 dB a speed limit in fourteen of GTSDB train is lost."""
NEARLY = 0.02
"""How much worse they may agree with the original, in the eyes of the surrogate, than with all of the message."""


class PromptedCodecLink:
    """Sends a coarse picture, hears what the receiver wants to see, and sends those regions as a second codestream.

    The receiver names the classes that its task is about; the transmitter finds them by the locator, and sends place,
    size and pixels of the regions, which the receiver pastes into the coarse picture. Where regions need only a part of
    the second message, the rest is the whole picture anew. Where the prompt is lost, the task names no class or nothing
    is found, the second message is the whole picture. All messages are coded as those of
    `BitwiseLink`; MCS and rung of the second are chosen by how much better its regions agree with those of the
    original, in the eyes of the surrogate, than those of the coarse picture do.

    Args:
        models: networks; the locator and the text encoder, the surrogate, and the receiver's prior for a coarse picture
            that is lost.
        radio: the radio.
        codec: name of an image codec, as in `image_codecs.CODEC_NAMES`.
    """

    kind: LinkKind = "bitwise"

    def __init__(self, models: Models, radio: Radio, codec: str) -> None:
        self.name = f"prompted-{codec}"
        self.models, self._source = models, codec_source(codec, models)
        self.coarse, self.detail = CodedTransport(radio), CodedTransport(radio, occasion=1)
        self.prompts = PromptTransfer(radio)

    @torch.no_grad()
    def run(self, images: torch.Tensor, tasks: Sequence[Task], budget: int, air: AirInterface) -> list[Delivery]:
        """Implement `taskwave.links.base.Link.run`; one coarse picture serves all tasks."""
        height, width = images.shape[-2:]
        smallest, cost = self._source.smallest(height, width), self.prompts.least_uses(air, 0)
        offers = [self._source.offers(image) for image in images]
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
        return serve_once(tasks, self._asked, lambda task: self._serve(images, task, left, coarse, air))

    def _asked(self, task: Task) -> Hashable:
        """Return all that the link knows of a task: what it is about."""
        return tuple(task.street_classes)

    def _serve(self, images: torch.Tensor, task: Task, left: int, coarse: Delivery, air: AirInterface) -> Delivery:
        """Exchange prompt and regions for one task."""
        batch, cost = len(images), self.prompts.least_uses(air, 0)
        wish = naming(task.street_classes) if task.street_classes else None
        snr = torch.full((batch,), 10 ** (air.es_n0_db / 10))
        heard, spent = self.prompts.send([wish] * batch, snr, air, 0, torch.full((batch,), cost))
        texts = [None if h is None else h.text for h in heard]
        relevance = self._relevance(images, texts, task)
        before = coarse.image
        assert before is not None, "a codec delivers images"
        regions = [find_regions(where) or [whole(*images.shape[-2:])] for where in relevance]
        offers = [self._offers(*each) for each in zip(images, before, regions, strict=True)]
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

    def _relevance(self, images: torch.Tensor, texts: Sequence[str | None], task: Task) -> torch.Tensor:
        """Return the relevance of tokens [B, h, w] to the prompts, one everywhere where none was heard."""
        return located(self.models, images, texts)[0]

    def _offers(self, image: torch.Tensor, before: torch.Tensor, regions: list[Region]) -> OfferWithin:
        """Return what can be sent of regions of an image within a number of bytes, weighed against what is there."""
        mosaic, known = (to_image(cut(to_pixels(each), regions)) for each in (image, before))
        rungs, everything = self._source.rungs(mosaic), self._source.ladder(image)
        floor, header = rungs.agreement(known), len(to_payload(regions, b""))
        there = psnr(to_pixels(before), to_pixels(image))
        shares = () if regions == [whole(*image.shape[-2:])] else SHARES

        def offer(limit: int) -> Offer | None:
            best = rungs.best(limit - header)
            if best is None:
                return None
            for share in shares:
                enough = _enough(rungs, best, int(share * limit) - header)
                rest = enough and everything.best(limit - header - LENGTH_BYTES - len(enough.payload))
                if enough and rest and rest.psnr > there:
                    payload = to_payload(regions, enough.payload, rest.payload)
                    return Offer(payload, rungs.agreement_of(enough) - floor)
            return Offer(to_payload(regions, best.payload), rungs.agreement_of(best) - floor)

        return offer

    def _pasted(self, before: Pixels, payload: bytes) -> Pixels | None:
        """Return an image with the regions of a payload, or None where it makes no sense."""
        height, width, _ = before.shape
        try:
            regions, code, everything = from_payload(payload, height, width)
            mosaic = restore(self._source.codec, code, *size_of_cut(regions, height, width))
            around = restore(self._source.codec, everything, height, width) if everything else before
            return put_back(around, mosaic, regions)
        except ValueError:
            return None


def _enough(rungs: WeighedRungs, best: Rung, limit: int) -> Rung | None:
    """Return a rung of at most `limit` bytes that does as well as the best one, nearly, or None."""
    if len(best.payload) <= limit:
        return best
    found = rungs.best(limit) if best.psnr >= GOOD_DB else None
    if found is None or found.psnr < GOOD_DB or rungs.agreement_of(found) < rungs.agreement_of(best) - NEARLY:
        return None
    return found


class OracleCodecLink(ToldPlaces, PromptedCodecLink):
    """Sends the regions where the annotations say the answer lies, wherever the prompt was heard: a bound.

    Arguments are those of `PromptedCodecLink`.
    """

    kind: LinkKind = "bound"

    def __init__(self, models: Models, radio: Radio, codec: str) -> None:
        super().__init__(models, radio, codec)
        self.name = f"prompted-{codec}-oracle"

    def _asked(self, task: Task) -> Hashable:
        """Return all that the link knows of a task: where its answer lies."""
        return task.name

    def _relevance(self, images: torch.Tensor, texts: Sequence[str | None], task: Task) -> torch.Tensor:
        """Return one for tokens that hold a part of the answer and zero for others; one where no prompt was heard."""
        return functional.max_pool2d(self.held(task, texts).float(), TOKEN, ceil_mode=True)
