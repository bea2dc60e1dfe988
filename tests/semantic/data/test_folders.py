"""Folders of images and lists of names: everything that is there is used or named, nothing is left out in silence."""

import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from taskwave.semantic.data import check_batches, open_images
from taskwave.semantic.data.folders import entries, image_files, read_list


def _image(path: Path, size: tuple[int, int] = (32, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "PNG" if path.suffix.lower() == ".png" else None
    Image.new("RGB", size).save(path, format=kind)


def _set(root: Path, *names: str, annotated: str = ".png") -> Path:
    """Make a CamVid folder with these image files and a label map for each."""
    for name in names:
        _image(root / "val" / name)
        (root / "valannot").mkdir(exist_ok=True)
        stem = Path(name).stem
        Image.new("L", (32, 24)).save(root / "valannot" / f"{stem}{annotated}", format="PNG")
    return root


def test_extensions_in_any_case_count(tmp_path: Path) -> None:
    images = open_images("camvid", "val", _set(tmp_path, "a.png", "b.PNG", "c.JPG", "d.jpeg", "e.Tif", "f.bmp"))
    assert images.names == ("a", "b", "c", "d", "e", "f")
    assert [images[i].name for i in range(6)] == list(images.names)


def test_label_maps_have_extensions_in_any_case_too(tmp_path: Path) -> None:
    assert (open_images("camvid", "val", _set(tmp_path, "a.png", annotated=".PNG"))[0].label == 0).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [("a.png", "a.jpg"), ("A.png", "a.png"), ("a.png", "a.PNG"), ("straße.png", "STRASSE.jpg"), ("é.png", "é.png")],
)
@pytest.mark.parametrize("source", ["camvid", "folder"])
def test_twins_are_refused_with_both_names(tmp_path: Path, source: str, one: str, other: str) -> None:
    if one == other:
        one, other = unicodedata.normalize("NFC", one), unicodedata.normalize("NFD", other)
    for name in (one, other):
        _image(tmp_path / "val" / name)
    with pytest.raises(ValueError, match="two files of one name") as caught:
        open_images(source, "val", tmp_path)
    assert one in str(caught.value) and other in str(caught.value)


def test_what_is_no_image_is_left_aside(tmp_path: Path) -> None:
    _set(tmp_path, "a.png")
    for name in ("Thumbs.db", ".DS_Store", "._a.png", "notes.txt", "desktop.ini"):
        (tmp_path / "val" / name).write_bytes(b"\0")
    assert open_images("camvid", "val", tmp_path).names == ("a",)


@pytest.mark.parametrize("name", ["b.heic", "b.HEIC", "b.dng", "b.svg"])
def test_images_that_are_not_read_are_named(tmp_path: Path, name: str) -> None:
    _set(tmp_path, "a.png")
    (tmp_path / "val" / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=rf"{name}: .* images are not read; convert"):
        open_images("camvid", "val", tmp_path)


def test_links_are_followed_and_broken_ones_named(tmp_path: Path) -> None:
    _set(tmp_path, "a.png")
    (tmp_path / "val" / "b.png").symlink_to(tmp_path / "val" / "a.png")
    assert open_images("camvid", "val", tmp_path).names == ("a", "b")
    (tmp_path / "val" / "c.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match=r"c\.png: named like an image, but no file"):
        open_images("camvid", "val", tmp_path)


def test_a_folder_called_like_an_image_is_named(tmp_path: Path) -> None:
    _set(tmp_path, "a.png")
    (tmp_path / "val" / "b.png").mkdir()
    with pytest.raises(ValueError, match=r"b\.png: named like an image, but no file"):
        open_images("camvid", "val", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("target", ["val", "val/a.png"])
def test_what_may_not_be_read_is_named(tmp_path: Path, target: str) -> None:
    _set(tmp_path, "a.png")
    (tmp_path / target).chmod(0)
    try:
        with pytest.raises(OSError, match="allow reading"):
            open_images("camvid", "val", tmp_path)[0]
    finally:
        (tmp_path / target).chmod(0o700)


@pytest.mark.parametrize("name", [b"\xff.png", b"a\n.png"])
def test_names_that_are_no_text_are_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    with pytest.raises(ValueError, match="not printable text in UTF-8; rename") as caught:
        entries(tmp_path)
    assert str(caught.value).isprintable()


NAMES = ("a", "b", "two words", "ä")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"b\na\n", ("b", "a")),
        (b"\xef\xbb\xbfb\na", ("b", "a")),
        (b"b\r\na\r\n", ("b", "a")),
        (b"b\ra\r", ("b", "a")),
        (b"  b  \n\n\t\na\t \n", ("b", "a")),
        ("b\nä\n".encode("utf-16"), ("b", "ä")),
        (b"\xfe\xff" + "b\nä".encode("utf-16-be"), ("b", "ä")),
        (unicodedata.normalize("NFD", "ä").encode(), ("ä",)),
        (b"a.png\nb.PNG\n", ("a", "b")),
        (b"two words.png\na", ("two words", "a")),
        (b"two words\na", ("two words", "a")),
        (b"val/two words.jpg valannot/two words.png\n", ("two words",)),
        (b"/SegNet/CamVid/val/a.png /SegNet/CamVid/valannot/b.png\n", ("a",)),
        (b"C:\\data\\val\\a.png\n", ("a",)),
        (b"./a\nval/b\n", ("a", "b")),
        (b"# images of May\na\n#b\n", ("a",)),
        (b"# see ../train/a.png\nb\n", ("b",)),
        (b"a 17\nb 3\n", ("a", "b")),
    ],
)
def test_lists_are_read(tmp_path: Path, text: bytes, names: tuple[str, ...]) -> None:
    _set(tmp_path, *(f"{name}.png" for name in NAMES))
    (tmp_path / "val.txt").write_bytes(text)
    assert open_images("camvid", "val", tmp_path).names == names


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (b"a\nb\na\n", ValueError, ("line 3", "'a'", "twice", "line 1")),
        (b"a\na.png\n", ValueError, ("line 2", "'a'", "twice")),
        (b"val/a.png x\n\nval/a.jpg y", ValueError, ("line 3", "'a'", "twice", "line 1")),
        (b"../train/a.png\n", ValueError, ("line 1", "another folder")),
        (b"b\n/data/train/a.png\n", ValueError, ("line 2", "another folder")),
        (b"../val/a.png\n", ValueError, ("line 1", "another folder")),
        (b"val/../../etc/a.png\n", ValueError, ("line 1", "another folder")),
        (b"a\nstra\xdfe\n", ValueError, ("line 2", "UTF-8", "0xdf")),
        ("a\nb\n".encode("utf-16-le"), ValueError, ("line 1", "UTF-16", "UTF-8")),
        (b"\xff\xfea", ValueError, ("UTF-16", "damaged")),
        (b"", ValueError, ("names no image",)),
        (b"\xef\xbb\xbf\r\n", ValueError, ("names no image",)),
        (b"# nothing\n", ValueError, ("names no image",)),
        (b"a\nzebra\nyak\n", FileNotFoundError, ("zebra", "1 more of the 3", "line 2")),
        (b"A\n", FileNotFoundError, ("A.png", "there is 'a'")),
    ],
)
def test_faults_of_lists_are_named_with_file_and_line(
    tmp_path: Path, text: bytes, error: type[Exception], words: tuple[str, ...]
) -> None:
    _set(tmp_path, "a.png", "b.png")
    (tmp_path / "val.txt").write_bytes(text)
    with pytest.raises(error) as caught:
        open_images("camvid", "val", tmp_path)
    message = str(caught.value)
    assert all(word in message for word in ("val.txt", *words)) and "\n" not in message, message


def test_a_list_is_found_in_any_case_and_never_ignored(tmp_path: Path) -> None:
    _set(tmp_path, "a.png", "b.png")
    (tmp_path / "VAL.TXT").write_text("b")
    assert open_images("camvid", "val", tmp_path).names == ("b",)
    (tmp_path / "val.txt").write_text("a")
    with pytest.raises(ValueError, match="two lists of one split"):
        open_images("camvid", "val", tmp_path)
    (tmp_path / "VAL.TXT").unlink()
    (tmp_path / "val.txt").unlink()
    (tmp_path / "val.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="list is missing"):
        open_images("camvid", "val", tmp_path)


@pytest.mark.parametrize("source", ["labelmefacade", "carla"])
def test_the_other_sets_read_lists_alike(tmp_path: Path, source: str) -> None:
    _image(tmp_path / "images" / "a.JPG")
    _image(tmp_path / "images" / "Town05_000010.png")
    (tmp_path / "boxes.csv").write_text("image,class,x0,y0,x1,y1\n")
    (tmp_path / "test.txt").write_bytes(b"\xef\xbb\xbfTown05_000010.png\r\nimages/a\r\n")
    assert open_images(source, "test", tmp_path).names == ("Town05_000010", "a")
    (tmp_path / "test.txt").write_text("a\na\n")
    with pytest.raises(ValueError, match=r"test\.txt: line 2: 'a' is named twice"):
        open_images(source, "test", tmp_path)


@pytest.mark.parametrize(
    ("name", "group"),
    [("0001TP_006690", "0001TP"), ("0006R0_f00930", "0006R0"), ("Seq05VD_f00000", "Seq05VD"), ("house", "house")],
)
def test_images_of_a_drive_are_a_group(tmp_path: Path, name: str, group: str) -> None:
    assert open_images("camvid", "val", _set(tmp_path, f"{name}.png"))[0].group == group


def test_groups_of_the_other_sets(tmp_path: Path) -> None:
    for name in ("Town05_000010", "static_2"):
        _image(tmp_path / "images" / f"{name}.png")
        (tmp_path / "labels").mkdir(exist_ok=True)
        Image.new("L", (32, 24)).save(tmp_path / "labels" / f"{name}.png")
    (tmp_path / "boxes.csv").write_text("image,class,x0,y0,x1,y1\n")
    (tmp_path / "test.txt").write_text("Town05_000010")
    assert open_images("carla", "test", tmp_path)[0].group == "Town05"
    (tmp_path / "test.txt").write_text("static_2")
    assert open_images("labelmefacade", "test", tmp_path)[0].group == "static_2"
    assert open_images("streets", "val")[1].group == "street-val-0-00001"


def test_a_suspect_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    _image(tmp_path / "images" / "a.png")
    (tmp_path / "suspect.txt").write_text("gone\n")
    files = image_files(entries(tmp_path / "images"))
    assert read_list(tmp_path / "suspect.txt", files, tmp_path / "images") == {"gone": 1}


def test_images_of_a_batch_have_one_size(tmp_path: Path) -> None:
    for name, size in (("a", (64, 48)), ("b", (64, 48)), ("c", (48, 64)), ("d", (9, 9))):
        _image(tmp_path / f"{name}.png", size)
    images = open_images("folder", "val", tmp_path)
    check_batches(images, (0, 1), 2)
    check_batches(images, (0, 1, 2), 2)
    with pytest.raises(ValueError, match=r"'a' \(64x48\) and 'c' \(48x64\) differ in size.*images.batch=1"):
        check_batches(images, (0, 1, 2), 3)
    with pytest.raises(ValueError, match="'d' is 9x9; allowed: at least 16x16"):
        check_batches(images, (3,), 1)


def test_images_too_small_or_too_large_for_links_are_told_before_they_are_decoded(tmp_path: Path) -> None:
    for name, size in (("a", (1, 1)), ("b", (8000, 6000)), ("c", (2048, 2048))):
        _image(tmp_path / f"{name}.png", size)
    images = open_images("folder", "val", tmp_path)
    with pytest.raises(ValueError, match="'a' is 1x1; allowed: at least 16x16"):
        check_batches(images, (0,), 1)
    with pytest.raises(ValueError, match=r"'b' is 8000x6000; allowed: at most 4194304 pixels.*images\.size"):
        check_batches(images, (1,), 1)
    check_batches(images, (2,), 1)
    scaled = open_images("folder", "val", tmp_path, (48, 64))
    check_batches(scaled, (0, 1, 2), 3)
    assert scaled[0].image.shape == scaled[1].image.shape == (3, 48, 64)
