"""The bundled weights load, are small enough and are as good as their model cards state; other sets load like them."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from diffusers.utils import logging as diffusers_log
from transformers.utils import logging as transformers_log

from taskwave.semantic.codec.windows import ANYTHING, NUMBERS, SNR_DB, STEPS, Question
from taskwave.semantic.data import open_images
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.metrics import confusion_matrix, mean_iou, psnr
from taskwave.semantic.weights import Models, bundle, bundled_sets, load_models, load_network, load_task_network
from taskwave.semantic.weights.bundle import PARTS, check_target, quiet_libraries

FOLDER = Path(bundle.__file__).parent


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


def test_the_set_is_there_and_all_weights_are_within_forty_megabytes() -> None:
    assert bundled_sets() == ("roads",)
    assert sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()) < 40e6


@pytest.mark.parametrize("name", ["roads/windows", "text", "locator", "surrogate", "judges/gtsdb"])
def test_networks_have_a_card(name: str) -> None:
    assert (FOLDER / name / "README.md").read_text().startswith("# ")


def test_a_set_loads_with_all_networks_ready_and_their_digests(models: Models) -> None:
    assert models.name == "roads" and models.judges is None
    assert set(models.digests) == {"windows", "posterior", "locator", "surrogate", "text"}
    assert all(models.digests.values()) and len(set(models.digests.values())) == 5
    for network in (models.windows, models.posterior, models.locator):
        assert not network.training and all(p.isfinite().all() for p in network.parameters())


def test_a_code_is_worth_what_its_card_says(models: Models) -> None:
    card, code = (FOLDER / "roads" / "windows" / "README.md").read_text(), models.windows
    rows = re.findall(r"\| (\d+) symbols, (-?\d+) dB \| (\.\d+) \|", card)
    assert len(rows) == 3
    for number, snr_db, worth in rows:
        found = code.worth[NUMBERS.index(int(number)), SNR_DB.index(float(snr_db))]
        assert float(found) == pytest.approx(float(worth), abs=0.0051)
    (steps,) = re.findall(r"\| step ([^|]+) \| ([^|]+) \|", card)
    sizes, worths = ([float(each) for each in row.split("/")] for row in steps)
    assert len(sizes) == 3
    for size, worth in zip(sizes, worths, strict=True):
        nearest = min(range(len(STEPS)), key=lambda i: abs(STEPS[i] - size))
        assert STEPS[nearest] == pytest.approx(size) and float(code.step_worth[nearest]) == pytest.approx(
            worth, abs=0.0051
        )


def test_more_symbols_and_less_noise_show_more(models: Models, street_images: torch.Tensor) -> None:
    """Tiles of streets, for which nothing was asked, have less square error with more symbols and with less noise."""
    code = models.windows
    parts = street_images.unfold(2, 64, 64).unfold(3, 64, 64).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    tiles = torch.nn.functional.avg_pool2d(parts, 2)
    kinds = torch.full((len(tiles),), ANYTHING)

    def quality(number: int, snr_db: float) -> float:
        question = Question(torch.zeros(len(tiles), 128), torch.full((len(tiles),), snr_db), kinds)
        with torch.no_grad():
            sent = code.encode(tiles, question)[:, :number] * code.amplitude(kinds)[:, :number]
            power = sent.abs().square().mean(1, keepdim=True)
            noise = (power * 10 ** (-snr_db / 10)).expand(sent.shape)
            white = torch.complex(*torch.randn(2, *sent.shape, generator=torch.Generator().manual_seed(0))) / 2**0.5
            known = code.received(sent + white * noise.sqrt(), noise, kinds)
            shown = code.decode(*known, torch.full_like(tiles, 0.5), question).clamp(0, 1)
        return float(psnr(shown, tiles).mean())

    few, noisy, fine = (quality(*case) for case in ((32, 10.0), (128, -3.0), (128, 10.0)))
    assert fine > few + 1 and fine > noisy + 1 and fine > 25


@pytest.mark.data
def test_the_surrogate_of_signs_is_as_good_as_its_card() -> None:
    reader, images = load_network(PatchNet, FOLDER / "surrogate" / "signs"), open_images("gtsdb", "val")
    right = total = 0
    for i in range(0, len(images), 3):
        objects = images[i].objects
        if not objects:
            continue
        with torch.no_grad():
            answers = reader(cut(images[i].image.float() / 255, objects.boxes)).argmax(1)
        total += len(answers)
        right += sum(reader.classes[a] == name for a, name in zip(answers.tolist(), objects.classes, strict=True))
    assert total > 20 and right == total


@pytest.mark.parametrize(("name", "least"), [("streets", 0.40), pytest.param("camvid", 0.50, marks=pytest.mark.data)])
def test_surrogates_of_maps_know_their_streets(name: str, least: float) -> None:
    segmenter, images = load_task_network(FOLDER / "surrogate" / name), open_images(name, "val")
    samples = [images[i * len(images) // 16] for i in range(16)]
    answers = segmenter.predict(torch.stack([sample.image for sample in samples]).float() / 255)
    assert mean_iou(confusion_matrix(answers, torch.stack([sample.label for sample in samples]))) > least


def test_another_text_encoder_or_other_files_of_it_change_the_digest(models: Models, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER / "text", tmp_path / "mine"))
    found = [models.digests["text"], load_models(text_encoder=str(folder)).digests["text"]]
    (folder / "extra.json").write_text("{}")
    found.append(load_models(text_encoder=str(folder)).digests["text"])
    assert len(set(found)) == 3


def test_a_set_of_the_user_is_a_folder_with_all_parts(models: Models, tmp_path: Path) -> None:
    for part in PARTS:
        with pytest.raises(FileNotFoundError, match=rf"no weights '{tmp_path}': .*\(roads\).*windows and posterior"):
            load_models(tmp_path)
        shutil.copytree(FOLDER / "roads" / part, tmp_path / part)
    mine = load_models(tmp_path)
    assert mine.name == str(tmp_path) and mine.digests == models.digests
    weights = tmp_path / "posterior" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"cannot read the weights in .*posterior"):
        load_models(tmp_path)


def test_unknown_weights_are_named() -> None:
    with pytest.raises(FileNotFoundError, match="'nowhere'"):
        load_models("nowhere")


def test_a_set_is_never_written_over_something_else(tmp_path: Path) -> None:
    check_target(tmp_path)
    check_target(tmp_path / "new")
    (tmp_path / "mine.txt").touch()
    for target in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(ValueError, match="exists and is not empty: name a new folder"):
            check_target(target)


def test_libraries_are_silent_and_get_their_voice_back() -> None:
    libraries = (diffusers_log, transformers_log)
    before = [(library.is_progress_bar_enabled(), library.get_verbosity()) for library in libraries]
    with quiet_libraries():
        assert not any(library.is_progress_bar_enabled() for library in libraries)
    assert [(library.is_progress_bar_enabled(), library.get_verbosity()) for library in libraries] == before


def test_loading_a_set_shows_no_foreign_progress_bars(capfd: pytest.CaptureFixture[str]) -> None:
    load_models()
    assert capfd.readouterr() == ("", "")
