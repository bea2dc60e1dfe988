"""A link from the front door sends images of any size and repeats itself."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import taskwave as tw
from taskwave.links.base import BudgetError
from taskwave.phy.config.radio import RadioConfig
from taskwave.semantic.weights import Models

IMAGE = np.random.default_rng(0).integers(0, 256, (70, 101, 3), np.uint8)


def make(models: Models, name: str = "task-adaptive", seed: int = 0) -> tw.ReadyLink:
    return tw.ReadyLink(name, models, RadioConfig(channel="tdl-c"), seed)


@pytest.mark.parametrize("name", ["task-adaptive", "task-adaptive-uniform", "avif", "answer"])
def test_a_reply_has_the_size_of_the_image_and_says_what_it_cost(colour_models: Models, name: str) -> None:
    reply = make(colour_models, name).send(IMAGE, "where are the cars?", es_n0_db=10, budget=900)
    assert reply.answer.shape == reply.mask.shape == (70, 101) and reply.task.name == "car"
    assert reply.image is None or reply.image.size == (101, 70)
    assert reply.attention is None or reply.attention.shape == (70, 101)
    assert 0 < reply.channel_uses <= 900 and 0 <= reply.feedback_uses < reply.channel_uses
    assert reply.bandwidth_ratio == pytest.approx(reply.channel_uses / (3 * 70 * 101))
    assert reply.airtime_s >= 0.5e-3
    assert len(reply.prompts) == len(reply.heard)


def test_a_link_repeats_its_sequence_and_every_image_meets_another_channel(colour_models: Models) -> None:
    first, again = make(colour_models), make(colour_models)
    replies = [first.send(IMAGE, "cars", budget=600) for _ in range(2)]
    repeated = [again.send(IMAGE, "cars", budget=600) for _ in range(2)]
    for one, other in zip(replies, repeated, strict=True):
        assert one.image is not None and other.image is not None
        assert np.array_equal(np.asarray(one.image), np.asarray(other.image))
    assert not np.array_equal(np.asarray(replies[0].image), np.asarray(replies[1].image))
    named = [first.send(IMAGE, "cars", budget=600, seed=7).image for _ in range(2)]
    assert np.array_equal(np.asarray(named[0]), np.asarray(named[1]))
    other = make(colour_models, seed=1).send(IMAGE, "cars", budget=600)
    assert not np.array_equal(np.asarray(replies[0].image), np.asarray(other.image))


def test_a_reply_shows_itself(colour_models: Models, tmp_path: Path) -> None:
    reply = make(colour_models).send(IMAGE, "cars", es_n0_db=20, budget=900)
    reply.save(tmp_path / "reply.png")
    with Image.open(tmp_path / "reply.png") as shown:
        assert shown.width > 400
    assert "cars" in repr(reply) and len(repr(reply)) < 400


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "empty"),
        ("carz and road", "'carz'.*car"),
        ("cars on the left", "whole image"),
        ("the speed limit", "'speed limit' is not asked about like this.*what is the speed limit"),
    ],
)
def test_a_question_that_names_no_class_is_refused(colour_models: Models, question: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        make(colour_models).send(IMAGE, question)


def test_hopeless_budgets_and_snrs_are_refused(colour_models: Models) -> None:
    with pytest.raises(BudgetError, match="20"):
        make(colour_models).send(IMAGE, "cars", budget=20)
    with pytest.raises(ValueError, match="es_n0_db is nan"):
        make(colour_models).send(IMAGE, "cars", es_n0_db=float("nan"))


@pytest.mark.parametrize(
    ("name", "radio", "message"),
    [
        ("task-adaptve", {}, "did you mean 'task-adaptive'"),
        ("avif", {"channel": "cdl-x"}, "'cdl-x'.*cdl-c"),
        ("avif", {"num_rx": 2}, "did you mean 'num_rx_ant'"),
    ],
)
def test_unknown_links_and_keys_are_refused_before_anything_loads(
    name: str, radio: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tw.load_link(name, weights="not-there", **radio)
