"""Lists of objects come back in order with class, text and a box that is as good, in about four bytes an object."""

import random

import pytest
import torch

from taskwave.links.answers.binary_coder import BinaryDecoder, BinaryEncoder, uniform
from taskwave.links.answers.object_coder import (
    MOST_CHARACTERS,
    MOST_OBJECTS,
    ListFormat,
    decode_objects,
    decode_word,
    encode_objects,
    encode_word,
)
from taskwave.semantic.data.objects import overlaps
from taskwave.semantic.signs import SIGNS
from taskwave.semantic.tasks.base import Detections

WORDS = ("", "", "30", "120", "Straße 5", "cafe", "STOP", "a b\n\0")


def objects(seed: int, height: int, width: int, most: int = 6) -> Detections:
    """Some objects of 16 pixels and more, a third of them at an edge of the image."""
    dice = random.Random(seed)
    count, boxes = dice.randint(0, most), []
    for _ in range(count):
        w = min(width, dice.uniform(16, 200))
        h = min(height, w * dice.uniform(0.5, 2))
        x, y = (dice.choice([0, most - side, dice.uniform(0, most - side)]) for side, most in ((w, width), (h, height)))
        boxes.append([x, y, x + w, y + h])
    names = tuple(dice.choice((*SIGNS, "unheard of")) for _ in range(count))
    texts = tuple(dice.choice(WORDS) for _ in range(count))
    return Detections(torch.tensor(boxes).reshape(-1, 4), names, torch.ones(count), texts)


@pytest.mark.parametrize("size", [(336, 448), (64, 64), (31, 500), (1, 1)])
def test_round_trip_with_and_without_padding(size: tuple[int, int]) -> None:
    known = ListFormat(SIGNS, *size)
    for seed in range(150):
        sent = objects(seed, *size)
        data = encode_objects(sent, known)
        for padding in (0, 1, 20):
            told = decode_objects(data + bytes(padding), known)
            assert (told.classes, told.texts) == (sent.classes, sent.texts)
            assert bool((told.boxes >= 0).all() & (told.boxes <= torch.tensor([size[1], size[0]] * 2)).all())
            if min(size) >= 64:
                assert float(overlaps(sent.boxes, told.boxes).diagonal().min() if len(sent) else 1) > 0.85


def test_what_is_not_told_costs_nothing() -> None:
    sent = next(sent for seed in range(99) if len(sent := objects(seed, 336, 448)) == 6 and any(sent.texts))
    whole, places, number = (
        ListFormat(SIGNS, 336, 448, places=places, texts=texts)
        for places, texts in ((True, True), (True, False), (False, False))
    )
    sizes = [len(encode_objects(sent, known)) for known in (whole, places, number)]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] <= 1
    assert decode_objects(encode_objects(sent, places), places).texts == ("",) * len(sent)
    counted = decode_objects(encode_objects(sent, number), number)
    assert len(counted) == len(sent) and set(counted.classes) == {SIGNS[0]} and not bool(counted.boxes.any())
    assert encode_objects(Detections.none(), whole) == b""


def test_an_object_takes_about_four_bytes() -> None:
    known, total, count = ListFormat(SIGNS, 336, 448, texts=False), 0, 0
    for seed in range(200):
        sent = objects(seed, 336, 448)
        sent = sent.select([i for i, name in enumerate(sent.classes) if name in SIGNS])
        total, count = total + len(encode_objects(sent, known)), count + len(sent)
    assert total / count < 4.2


def test_damaged_payloads_are_no_lists_or_other_ones() -> None:
    """A dense code has hardly any redundancy: what is noticed is what no encoder writes. The CRC notices the rest."""
    known, dice, noticed, tried = ListFormat(SIGNS, 336, 448), random.Random(1), 0, 0
    for seed in range(60):
        data = encode_objects(objects(seed, 336, 448), known)
        damaged = [data[:cut] for cut in range(len(data))]
        damaged += [bytes(dice.randrange(256) for _ in range(dice.randint(1, 60))) for _ in range(20)]
        for payload in damaged:
            tried += 1
            try:
                told = decode_objects(payload, known)
            except ValueError:
                noticed += 1
            else:
                assert encode_objects(told, known) != data
                assert len(told) <= MOST_OBJECTS
    assert noticed > 0.9 * tried
    with pytest.raises(ValueError, match="no list of objects"):
        decode_objects(encode_objects(objects(3, 336, 448), known) + b"\0\xff", known)


def test_words_come_back() -> None:
    for word in (*WORDS, "cat", "airplane", "x" * MOST_CHARACTERS):
        assert decode_word(encode_word(word) + bytes(3)) == word
    assert len(encode_word("airplane")) < 8
    with pytest.raises(ValueError, match="more than 255 characters"):
        encode_word("x" * 256)
    with pytest.raises(ValueError, match="no word"):
        decode_word(encode_word("cat") + b"\1\1")


def test_too_many_objects_are_refused() -> None:
    many = Detections(torch.zeros(256, 4), ("stop",) * 256, torch.ones(256), ("",) * 256)
    with pytest.raises(ValueError, match="more than 255 objects"):
        encode_objects(many, ListFormat(SIGNS, 64, 64))


def test_uniform_numbers_cost_their_logarithm() -> None:
    dice, encoder = random.Random(0), BinaryEncoder()
    sent = [(dice.randrange(count), count) for count in [1, 2, 3, 44, 1000] * 200]
    for value, count in sent:
        assert uniform(encoder.code, value, count) == value
    data = encoder.finish()
    assert len(data) * 8 < 200 * (1 + 1.59 + 5.46 + 9.97) + 16
    decoder = BinaryDecoder(data)
    assert [uniform(decoder.code, 0, count) for _, count in sent] == [value for value, _ in sent]
