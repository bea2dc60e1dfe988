"""Reading of image files: every pixel format, orientation, format and fault, and label maps that belong to them."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taskwave.semantic.classes import IGNORE
from taskwave.semantic.data.files import SUFFIXES, image_size, read_image, read_label, to_rgb

CORNERS = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 0]]], np.uint8)
"""Colours of the four quarters of an upright image."""
UPRIGHT = CORNERS.repeat(24, 0).repeat(32, 1)
"""Upright image of 64x48 pixels."""
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT),
    7: np.rot90(UPRIGHT, 2).transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}
"""Pixels as a camera stores them for every value of the tag 274 of TIFF 6.0 and EXIF 2.3."""


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[274] = orientation
    return tags


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_images_are_turned_by_their_tag(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.ascontiguousarray(STORED[orientation])).save(path, exif=exif(orientation))
    assert image_size(path) == (48, 64)
    pixels = np.asarray(read_image(path)).astype(int)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels[12::24, 16::32] - CORNERS).max() < 30


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_a_tag_that_means_nothing_turns_nothing(tmp_path: Path, orientation: int) -> None:
    Image.fromarray(UPRIGHT).save(tmp_path / "a.png", exif=exif(orientation))
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), UPRIGHT)


def test_orientation_in_xmp_counts(tmp_path: Path) -> None:
    words = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    Image.fromarray(np.ascontiguousarray(STORED[3])).save(tmp_path / "a.webp", xmp=words, lossless=True)
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.webp")), UPRIGHT)


GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def _palette(mode: str = "P") -> Image.Image:
    image = Image.fromarray(GREY)
    image = image.convert("P")
    image.putpalette([value for grey in range(256) for value in (grey, 255 - grey, 7)])
    return image.convert(mode) if mode != "P" else image


def _rgba(alpha: int) -> Image.Image:
    image = Image.fromarray(UPRIGHT).convert("RGBA")
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(GREY), np.stack([GREY] * 3, -1)),
        (Image.fromarray(GREY > 99), np.stack([(GREY > 99) * 255] * 3, -1)),
        (Image.fromarray(GREY).convert("LA"), np.stack([GREY] * 3, -1)),
        (_palette(), np.stack([GREY, 255 - GREY, GREY * 0 + 7], -1)),
        (_palette("PA"), np.stack([GREY, 255 - GREY, GREY * 0 + 7], -1)),
        (Image.fromarray(UPRIGHT), UPRIGHT),
        (_rgba(255), UPRIGHT),
        (Image.fromarray(UPRIGHT).convert("YCbCr"), None),
    ],
    ids=lambda value: getattr(value, "mode", ""),
)
def test_formats_that_are_rgb_are_read(image: Image.Image, expected: np.ndarray | None) -> None:  # type: ignore[type-arg]
    pixels = np.asarray(to_rgb(image, "a.png"))
    wanted = UPRIGHT if expected is None else expected
    assert np.abs(pixels.astype(int) - wanted).max() <= (2 if expected is None else 0)


@pytest.mark.parametrize(
    "image",
    [
        *(Image.new(mode, (16, 16)) for mode in ("CMYK", "I;16", "I;16B", "I", "F", "LAB", "HSV")),
        *(_rgba(alpha) for alpha in (0, 254)),
        Image.new("LA", (16, 16), (9, 128)),
        Image.new("PA", (16, 16)),
    ],
    ids=lambda image: image.mode,
)
def test_formats_that_are_not_rgb_are_refused_by_name(image: Image.Image) -> None:
    with pytest.raises(ValueError, match=rf"^a\.png: pixel format {image.mode}.*allowed: 8-bit.*convert"):
        to_rgb(image, "a.png")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_formats_are_told_from_files_too(tmp_path: Path, suffix: str) -> None:
    made = {
        ".png": [Image.fromarray(GREY.astype(np.uint16) * 257), _rgba(128)],
        ".tif": [Image.new("CMYK", (16, 16)), Image.new("F", (16, 16)), Image.new("LAB", (16, 16))],
        ".jpg": [Image.new("CMYK", (16, 16))],
        ".webp": [_rgba(128)],
    }[suffix]
    for image in made:
        image.save(tmp_path / f"a{suffix}")
        with pytest.raises(ValueError, match="pixel format"):
            read_image(tmp_path / f"a{suffix}")


def test_a_transparent_colour_counts_where_a_pixel_has_it(tmp_path: Path) -> None:
    image = Image.fromarray(UPRIGHT)
    image.save(tmp_path / "there.png", transparency=(250, 0, 0))
    image.save(tmp_path / "nowhere.png", transparency=(1, 2, 3))
    assert np.array_equal(np.asarray(read_image(tmp_path / "nowhere.png")), UPRIGHT)
    with pytest.raises(ValueError, match="transparent"):
        read_image(tmp_path / "there.png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_extension_is_read_in_every_case(tmp_path: Path, suffix: str) -> None:
    kind = {".jfif": "JPEG", ".jpe": "JPEG", ".dib": "BMP"}.get(suffix)
    image = Image.fromarray(UPRIGHT).convert({".pgm": "L", ".pbm": "1"}.get(suffix, "RGB"))
    for name in (f"a{suffix}", f"a{suffix.upper()}"):
        image.save(tmp_path / name, format=kind)
        assert read_image(tmp_path / name).size == (64, 48)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bomb(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds nearly nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(bytes(99))) + _chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(20_000, 20_000), (2**31 - 1, 2**31 - 1), (12_000, 12_000)])
def test_images_too_large_are_refused_before_they_are_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_bomb(*size))
    with pytest.raises(ValueError, match=r"bomb\.png: .*allowed: 134217728 pixels in all; scale it down"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif", "avif"])
def test_animated_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    images = [Image.fromarray(UPRIGHT), Image.fromarray(255 - UPRIGHT), Image.fromarray(UPRIGHT // 2)]
    images[0].save(path, save_all=True, append_images=images[1:])
    with pytest.raises(ValueError, match=rf"a\.{suffix}: holds 3 images .*allowed: one"):
        read_image(path)
    images[0].save(path)
    assert read_image(path).size == (64, 48)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "gif", "avif", "jp2", "ppm"])
def test_damaged_files_are_one_clear_error_or_an_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(path, **({"exif": exif(6)} if suffix in {"jpg", "png", "webp", "tif"} else {}))
    whole = path.read_bytes()
    for length in (0, 1, 7, 20, len(whole) // 3, len(whole) * 2 // 3):
        path.write_bytes(whole[:length])
        with pytest.raises(OSError, match=rf"a\.{suffix}: not a readable image"):
            read_image(path)
    draw = np.random.default_rng(2)
    for _ in range(60):
        broken = bytearray(whole)
        for at in draw.integers(0, min(len(whole), 400), 3):
            broken[at] = draw.integers(256)
        path.write_bytes(broken)
        try:
            assert read_image(path).mode == "RGB"
        except (OSError, ValueError) as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "eps.png"), (b"text", "text.jpg"), (b"<svg/>", "svg.png")],
)
def test_what_is_no_known_format_names_those_that_are(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OSError, match=rf"{name}: not a readable image \(none of PNG, JPEG"):
        read_image(tmp_path / name)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(FileNotFoundError, match="no such file; restore"):
            read_image(path)


IDS = {0: 0, 1: 1, 2: IGNORE}


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_label_map_is_turned_by_its_own_tag_only(tmp_path: Path, suffix: str) -> None:
    ids = np.zeros((48, 64), np.uint8)
    ids[:24, :32] = 1
    Image.fromarray(ids).save(tmp_path / f"plain.{suffix}")
    Image.fromarray(np.ascontiguousarray(np.rot90(ids))).save(tmp_path / f"turned.{suffix}", exif=exif(6))
    for name in ("plain", "turned"):
        assert np.array_equal(np.asarray(read_label(tmp_path / f"{name}.{suffix}", IDS, (64, 48))), ids)
    with pytest.raises(ValueError, match=r"label map of 64x48 for an image of 48x64 .* orientation tags"):
        read_label(tmp_path / f"plain.{suffix}", IDS, (48, 64))


@pytest.mark.parametrize("mode", ["1", "LA", "RGB", "RGBA", "I;16"])
def test_a_label_map_holds_8_bit_ids(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (64, 48)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: pixel format .*8-bit single-channel"):
        read_label(tmp_path / "a.png", IDS, (64, 48))
