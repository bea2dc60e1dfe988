"""Label maps come back exactly, in fewer bytes than general-purpose coders need."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from taskwave.links.answers.binary_coder import BinaryDecoder, BinaryEncoder, Contexts
from taskwave.links.answers.label_map_coder import Labels, decode_labels, encode_labels
from taskwave.semantic.data import open_images


def labels(height: int, width: int, num_labels: int, seed: int = 0) -> Labels:
    """Horizontal bands with a wavy border and boxes on them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 3 * np.sin(x / 9 + rng.uniform(0, 6))
    found = ((y + waves) * min(3, num_labels) / height).clip(0, min(3, num_labels) - 1).astype(np.uint8)
    for _ in range(10):
        top, left = rng.integers(0, height - 2), rng.integers(0, width - 2)
        found[top : top + rng.integers(2, max(3, height // 2)), left : left + rng.integers(2, max(3, width // 4))] = (
            rng.integers(0, num_labels)
        )
    return found


@pytest.mark.parametrize("num_labels", [2, 3, 5, 12])
@pytest.mark.parametrize("size", [(48, 64), (7, 13), (4, 9)])
def test_round_trip_with_and_without_padding(size: tuple[int, int], num_labels: int) -> None:
    for seed in range(5):
        found = labels(*size, num_labels, seed)
        data = encode_labels(found, num_labels)
        for padding in (0, 1, 20):
            np.testing.assert_array_equal(decode_labels(data + bytes(padding), *size, num_labels), found)


@pytest.mark.parametrize("num_labels", [2, 12])
def test_round_trip_of_noise(num_labels: int) -> None:
    noise = np.random.default_rng(1).integers(0, num_labels, (40, 50), dtype=np.uint8)
    data = encode_labels(noise, num_labels)
    np.testing.assert_array_equal(decode_labels(data, 40, 50, num_labels), noise)
    entropy = noise.size * math.log2(num_labels) / 8
    assert 0.97 * entropy < len(data) < 1.25 * entropy


def test_constant_maps_cost_next_to_nothing() -> None:
    assert encode_labels(np.zeros((192, 256), np.uint8), 2) == b""
    assert encode_labels(np.zeros((8, 8), np.uint8), 1) == b""
    full = np.full((192, 256), 4, np.uint8)
    assert len(encode_labels(full, 5)) < 60
    np.testing.assert_array_equal(decode_labels(encode_labels(full, 5), 192, 256, 5), full)


def test_smaller_than_lossless_webp() -> None:
    found = labels(96, 128, 5)
    stream = io.BytesIO()
    Image.fromarray(np.repeat(found[..., None], 3, 2)).save(stream, "WEBP", lossless=True, quality=100, method=6)
    assert len(encode_labels(found, 5)) < 0.8 * (len(stream.getvalue()) - 20)


def test_coder_comes_close_to_the_entropy_and_survives_carries() -> None:
    rng = np.random.default_rng(3)
    for probability in (0.003, 0.1, 0.5, 0.97):
        bits = (rng.random(20_000) < probability).astype(int).tolist()
        encoder = BinaryEncoder()
        contexts = Contexts(encoder.code, 1)
        for bit in bits:
            contexts.code(0, bit)
        data = encoder.finish()
        contexts = Contexts(BinaryDecoder(data).code, 1)
        assert [contexts.code(0, 0) for _ in bits] == bits
        entropy = -sum(p * math.log2(p) for p in (probability, 1 - probability)) * len(bits) / 8
        assert len(data) < 1.06 * entropy + 12


def test_runs_come_close_to_the_entropy_of_their_decisions() -> None:
    """Runs of up to 200 decisions, each of which ends a run with the same probability."""
    rng = np.random.default_rng(4)
    for probability in (0.002, 0.02, 0.3):
        most = rng.integers(1, 200, 1500)
        lengths = np.minimum(rng.geometric(probability, 1500) - 1, most)
        encoder = BinaryEncoder()
        contexts = Contexts(encoder.code, 0, runs=2)
        for many, length in zip(most.tolist(), lengths.tolist(), strict=True):
            assert contexts.run(1, many, length) == length
        data = encoder.finish()
        contexts = Contexts(BinaryDecoder(data).code, 0, runs=2)
        assert [contexts.run(1, many, 0) for many in most.tolist()] == lengths.tolist()
        decisions = int(lengths.sum() + (lengths < most).sum())
        entropy = -sum(p * math.log2(p) for p in (probability, 1 - probability)) * decisions / 8
        assert 0.9 * entropy < len(data) < 1.06 * entropy + 12


def test_drawn_streets_cost_what_was_measured() -> None:
    """Mean bytes of 20 maps at full size; pixel by pixel, without runs, they took 86 and 178."""
    streets = open_images("streets", "val")
    for classes, most in (((8,), 72), ((3, 4), 163)):
        code = np.zeros(256, np.uint8)
        code[list(classes)] = np.arange(1, len(classes) + 1)
        maps = [code[streets[i].label.numpy()] for i in range(20)]
        assert np.mean([len(encode_labels(found, len(classes) + 1)) for found in maps]) < most


def test_label_outside_the_alphabet_is_named() -> None:
    with pytest.raises(ValueError, match=r"label 7 is not in 0…4"):
        encode_labels(np.full((4, 4), 7, np.uint8), 5)
