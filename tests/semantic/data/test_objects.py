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


@pytest.mark.data
@pytest.mark.parametrize(
    ("source", "split", "images", "objects"),
    [("gtsdb", "test", 87, 104), ("gtsdb", "val", 60, 74), ("roadsigns", "test", 47, 106), ("carla", "val", 156, 494)],
)
def test_real_sets(source: str, split: str, images: int, objects: int) -> None:
    found = open_images(source, split)
    known = [found[i].objects for i in range(len(found))]
    assert len(found) == images and sum(map(len, filter(None, known))) == objects
