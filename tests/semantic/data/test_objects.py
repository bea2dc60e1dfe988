"""Tables of boxes are read as they are, and what is wrong in them is told by line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taskwave.semantic.data import open_images
from taskwave.semantic.data.objects import read_boxes


def folder(tmp_path: Path, table: str | bytes, listed: str = "a\nb.jpg\n") -> Path:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.jpg"):
        Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "images" / name)
    (tmp_path / "boxes.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    (tmp_path / "val.txt").write_text(listed)
    return tmp_path


def test_boxes_come_with_their_images(tmp_path: Path) -> None:
    table = "text, class ,image,x1,y1,x0,y0,note\n30,speed_limit_30,a.png,20,30,5,10,x\n,stop,a,60,40,50,30,y\n"
    images = open_images("boxes", "val", folder(tmp_path, b"\xef\xbb\xbf" + table.encode()))
    assert images.names == ("a", "b") and images.size(0) == (40, 60)
    first, second = images[0].objects, images[1].objects
    assert first is not None and second is not None and len(second) == 0
    assert (first.classes, first.texts) == (("speed_limit_30", "stop"), ("30", ""))
    assert first.boxes.tolist() == [[5, 10, 20, 30], [50, 30, 60, 40]]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("image,class,x0,y0,x1\na,stop,1,2,3\n", "columns y1 are missing"),
        ("", "columns image, class, x0, y0, x1, y1 are missing (there are none)"),
        ("image,class,x0,y0,x1,y1\na,stop,1,2,3,4\na,stop,1,2,x,4\n", "line 3: '1,2,x,4' are not four numbers"),
        ("image,class,x0,y0,x1,y1\na,stop,9,2,3,4\n", "line 2: the box from (9, 2) to (3, 4) has no extent"),
        ("image,class,x0,y0,x1,y1\na,stop,1,2,nan,4\n", "line 2: the box from (1, 2) to (nan, 4) has no extent"),
        ("image,class,x0,y0,x1,y1\na,,1,2,3,4\n", "line 2: the class is empty"),
        ("image,class,x0,y0,x1,y1\nc,stop,1,2,3,4\n", "1 images it names are not in"),
        (
            "image,class,x0,y0,x1,y1\na,stop,1,2,99,4\n",
            "image 'a', 60x40: the box of 'stop' from (1, 2) to (99, 4) leaves",
        ),
        (b"image,class,x0,y0,x1,y1\na,caf\xe9,1,2,3,4\n", "line 2 is not text in UTF-8"),
        ("image,class,x0,y0,x1,y1\na,stop,1,2,3,4\n".encode("utf-16"), "text in UTF-16; allowed: UTF-8; save it again"),
        ("image;class;x0;y0;x1;y1\na;stop;1;2;3;4\n", "(there are image;class;x0;y0;x1;y1)"),
        ("image,class,x0,y0,x1,y1,x0\na,stop,1,2,3,4,5\n", "the column x0 is named twice"),
        ("image,class,x0,y0,x1,y1,text\na,stop,1,2,3,4,30, zone\n", "line 2 has more cells than the 7 columns"),
        ('image,class,x0,y0,x1,y1\n"a,stop,1,2,3,4\nb,stop,1,2,3,4\n', "line 2: not readable as CSV"),
        (f"image,class,x0,y0,x1,y1\na,{'x' * 200_000},1,2,3,4\n", "line 2: not readable as CSV"),
        ("image,class,x0,y0,x1,y1\na,stop,-2,2,3,4\n", "the box of 'stop' from (-2, 2) to (3, 4) leaves it"),
        ("image,class,x0,y0,x1,y1\na,stop,1,2,3\n", "line 2: '1,2,3,' are not four numbers"),
    ],
)
def test_faults_are_told_by_line(tmp_path: Path, table: str | bytes, told: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        open_images("boxes", "val", folder(tmp_path, table))[0]
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_table_or_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"boxes\.csv: the table of boxes is missing"):
        read_boxes(tmp_path / "boxes.csv")
    with pytest.raises(FileNotFoundError, match=r"c\.png .*missing"):
        open_images("boxes", "val", folder(tmp_path, "image,class,x0,y0,x1,y1\n", "a\nc\n"))
    with pytest.raises(ValueError, match="size"):
        open_images("gtsdb", "val", tmp_path, (32, 32))


def test_names_with_every_extension_and_accents_find_their_image(tmp_path: Path) -> None:
    made = folder(tmp_path, "image,class,x0,y0,x1,y1\nC.TIF,stop,1,2,3,4\ne\u0301,stop,1,2,3,4\n", "C\n\u00e9\n")
    for name in ("C.TIF", "\u00e9.bmp"):
        Image.new("RGB", (60, 40)).save(made / "images" / name)
    images = open_images("boxes", "val", made)
    assert [len(images[i].objects or ()) for i in (0, 1)] == [1, 1]


def test_boxes_are_those_of_the_upright_image(tmp_path: Path) -> None:
    made, tags = folder(tmp_path, "image,class,x0,y0,x1,y1\na,stop,1,2,39,59\n"), Image.Exif()
    tags[274] = 6
    Image.new("RGB", (60, 40)).save(made / "images" / "a.png", exif=tags)
    images = open_images("boxes", "val", made)
    assert images.size(0) == (60, 40) and images[0].image.shape == (3, 60, 40)
    Image.new("RGB", (60, 40)).save(made / "images" / "a.png")
    with pytest.raises(ValueError, match=r"60x40: the box of 'stop' .* leaves it"):
        images[0]


@pytest.mark.parametrize(
    ("mode", "told"),
    [("I;16", "pixel format I;16"), ("CMYK", "pixel format CMYK"), ("RGBA", "with transparent pixels")],
)
def test_a_picture_that_is_not_rgb_is_told_and_the_others_stay(tmp_path: Path, mode: str, told: str) -> None:
    made = folder(tmp_path, "image,class,x0,y0,x1,y1\nb,stop,1,2,3,4\n")
    (made / "images" / "a.png").unlink()
    Image.new(mode, (60, 40)).save(made / "images" / ("a.tif" if mode == "CMYK" else "a.png"))
    images = open_images("boxes", "val", made)
    with pytest.raises(ValueError, match=f"{told}.*convert the file"):
        images[0]
    assert images[1].objects is not None and len(images[1].objects) == 1


@pytest.mark.data
@pytest.mark.parametrize(
    ("source", "split", "images", "objects"),
    [("gtsdb", "test", 87, 104), ("gtsdb", "val", 60, 74), ("roadsigns", "test", 47, 106), ("carla", "val", 156, 494)],
)
def test_real_sets(source: str, split: str, images: int, objects: int) -> None:
    found = open_images(source, split)
    known = [found[i].objects for i in range(len(found))]
    assert len(found) == images and sum(map(len, filter(None, known))) == objects
