"""The charged bytes of a picture are enough to decode it exactly, and the ladder spends them well."""

import io

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from taskwave.links.bitwise.image_codecs import CODEC_NAMES, LEVELS, Pixels, image_codec
from taskwave.links.bitwise.ladder import (
    REMEMBERED,
    SCALES,
    LadderStore,
    RateLadder,
    psnr,
    restore,
    scaled_size,
    smallest_payload,
)


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    """A shaded background with discs of random colour and fine noise: edges, flats and texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([90 + 80 * y / height, 120 + 60 * x / width, 160 - 70 * y / height], -1)
    for _ in range(12):
        cy, cx, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(2, max(3, height / 4))
        pixels[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = rng.uniform(0, 255, 3)
    return np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CODEC_NAMES)
@pytest.mark.parametrize("size", [(96, 128), (36, 48), (51, 70), (12, 16), (5, 3), (1, 1), (1, 9), (270, 300)])
def test_codestream_decodes_to_the_pixels_of_the_whole_file(name: str, size: tuple[int, int]) -> None:
    codec, pixels = image_codec(name), picture(*size)
    for level in (0, 13, LEVELS - 1):
        file = codec._format.write(Image.fromarray(pixels), level)
        codestream = codec.encode(pixels, level)
        expected = codec._format.read(file)
        assert len(codestream) < len(file)
        for padding in (0, 1, 200):
            decoded = codec.decode(codestream + bytes(padding), level, *size)
            np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_stripped_bytes_do_not_depend_on_the_picture(name: str) -> None:
    """A fresh codec object, as the receiver has, decodes without ever having seen the picture."""
    sender, receiver = image_codec(name), image_codec(name)
    codestream = sender.encode(picture(48, 64, 3), 20)
    assert psnr(receiver.decode(codestream, 20, 48, 64), picture(48, 64, 3)) > 18


def test_files_of_other_settings_are_not_stripped() -> None:
    """A receiver could not build them again."""
    pixels = picture(40, 56)
    jpegxl, hevc = io.BytesIO(), io.BytesIO()
    jpegxl.write(imagecodecs.jpegxl_encode(pixels, lossless=True, usecontainer=False))
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(hevc, format="HEIF", quality=20, chroma="444")
    for name, file in (("jpegxl", jpegxl), ("hevc", hevc)):
        codec = image_codec(name)
        with pytest.raises(ValueError, match=r"cannot be stripped: install the codec"):
            codec._format.container.strip(file.getvalue(), codec._template(10, 40, 56))


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_flipped_codestream_is_not_the_same_picture(name: str) -> None:
    codec = image_codec(name)
    codestream = bytearray(codec.encode(picture(96, 128), 16))
    codestream[len(codestream) // 3] ^= 0x55
    try:
        decoded = codec.decode(bytes(codestream), 16, 96, 128)
    except ValueError:
        return
    assert psnr(decoded, codec.decode(codec.encode(picture(96, 128), 16), 16, 96, 128)) < 50


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_ladder_fits_and_rises(name: str) -> None:
    codec, pixels = image_codec(name), picture(96, 128)
    ladder, previous = RateLadder(pixels, codec), 0.0
    for limit in (60, 120, 250, 500, 1000, 2000, 4000):
        rung = ladder.best(limit)
        assert rung is not None
        assert len(rung.payload) <= limit
        assert rung.psnr >= previous
        assert psnr(restore(codec, rung.payload + bytes(9), 96, 128), pixels) == rung.psnr
        previous = rung.psnr
    assert ladder.best(2) is None
    assert ladder.best(0) is None


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_ladder_is_close_to_trying_every_pair(name: str) -> None:
    codec, pixels = image_codec(name), picture(96, 128, 1)
    full = RateLadder(pixels, codec)
    every = [
        (len(payload), psnr(restore(codec, payload, 96, 128), pixels))
        for scale in range(len(SCALES))
        for level in range(LEVELS)
        for payload in [full._payload(scale, level)]
    ]
    ladder = RateLadder(pixels, codec)
    for limit in (100, 400, 1500):
        rung = ladder.best(limit)
        assert rung is not None
        assert rung.psnr > max(value for size, value in every if size <= limit) - 0.4


def test_ladder_does_not_depend_on_what_was_asked_before() -> None:
    codec, pixels = image_codec("webp"), picture(96, 128, 2)
    used, limits = RateLadder(pixels, codec), (3000, 80, 700, 200)
    for limit in limits:
        used.best(limit)
    assert [used.best(x) for x in limits] == [RateLadder(pixels, codec).best(x) for x in limits]


def test_downscaling_wins_when_bytes_are_few() -> None:
    ladder = RateLadder(picture(96, 128), image_codec("jpeg"))
    few, many = ladder.best(100), ladder.best(8000)
    assert few is not None
    assert many is not None
    assert SCALES[few.scale] < SCALES[many.scale] == 1


def test_store_remembers_by_content_and_is_bounded() -> None:
    store = LadderStore(image_codec("jpeg"))
    first = store.ladder(picture(4, 4, 0))
    assert store.ladder(picture(4, 4, 0)) is first
    for seed in range(1, REMEMBERED + 1):
        store.ladder(picture(4, 4, seed))
    assert store.ladder(picture(4, 4, 0)) is not first


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_smallest_payload_is_that_of_a_flat_picture(name: str) -> None:
    codec, grey = image_codec(name), np.full((96, 128, 3), 128, np.uint8)
    least = smallest_payload(codec, 96, 128)
    assert RateLadder(grey, codec).best(least) is not None
    assert RateLadder(picture(96, 128), codec).best(least - 1) is None


def test_scaled_size_never_vanishes() -> None:
    assert scaled_size(len(SCALES) - 1, 4, 4) == (1, 1)
    assert scaled_size(0, 96, 128) == (96, 128)


def test_bad_values_are_named() -> None:
    with pytest.raises(ValueError, match=r"'gif'.*jpeg, jpeg2000, webp, avif, jpegxl, hevc"):
        image_codec("gif")
    codec = image_codec("jpeg")
    with pytest.raises(ValueError, match="level 32"):
        codec.encode(picture(24, 32), 32)
    with pytest.raises(ValueError, match="empty payload"):
        restore(codec, b"", 24, 32)
    for name in ("webp", "avif", "jpegxl"):  # decoders of JPEG and HEVC show something
        with pytest.raises(ValueError, match=f"no {name} codestream"):
            image_codec(name).decode(b"\xff\x07\xff", 5, 24, 32)
