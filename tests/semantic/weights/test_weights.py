"""The bundled weights load, are small enough and are as good as their model cards state."""

import shutil
from pathlib import Path

import pytest
import torch

from taskwave.semantic.data import open_images
from taskwave.semantic.metrics import confusion_matrix, mean_iou, psnr
from taskwave.semantic.weights import bundle, bundled_sets, load_models

FOLDER = Path(bundle.__file__).parent


def stack(source: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = open_images(source, "val")
    samples = [images[i * len(images) // count] for i in range(count)]
    return torch.stack([s.image for s in samples]).float() / 255, torch.stack([s.label for s in samples])


def test_both_sets_are_there_with_a_card_and_within_forty_megabytes() -> None:
    assert bundled_sets() == ("camvid", "streets")
    assert sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()) < 40e6
    for name in (*bundled_sets(), "text"):
        assert (FOLDER / name / "README.md").is_file()


@pytest.mark.parametrize(
    ("source", "least_psnr_db", "least_miou"),
    [("streets", 27.5, 0.40), pytest.param("camvid", 28.3, 0.50, marks=pytest.mark.data)],
)
def test_codec_and_task_network_are_as_good_as_their_card(source: str, least_psnr_db: float, least_miou: float) -> None:
    models = load_models(source)
    images, labels = stack(source, 16)
    with torch.no_grad():
        decoded = models.codec.decode(models.codec.encode(images))
    assert float(psnr(decoded, images).mean()) > least_psnr_db
    assert mean_iou(confusion_matrix(models.segmentation.predict(images), labels)) > least_miou


def test_latents_have_unit_power_and_the_general_layer_holds_the_image() -> None:
    models = load_models("streets")
    images, _ = stack("streets", 4)
    with torch.no_grad():
        latents, scenes = models.look(images)
        symbols = models.general.encode(scenes)
        noise = torch.full(symbols.shape, torch.inf)
        noise[:, : models.general.code_layers[0]] = 0.03
        coarse = models.general.decode(symbols, noise)
    assert 0.6 < float(latents.square().mean()) < 1.5
    error = (models.channel_weights * (coarse[:, :16] - latents).square()).mean()
    assert float(error) < 0.7 * float((models.channel_weights * latents.square()).mean())


def test_attention_looks_where_the_prompt_points() -> None:
    models = load_models("streets")
    images, labels = stack("streets", 8)
    embedding = models.text_encoder.embed(["road", "sky"]).expand(8, -1, -1)
    with torch.no_grad():
        relevance = models.attention(models.look(images)[1], embedding)
    for prompt, class_id in enumerate((3, 0)):
        share = torch.nn.functional.avg_pool2d((labels == class_id).float(), 8)
        inside, outside = relevance[:, prompt][share > 0.9], relevance[:, prompt][share < 0.1]
        assert float(inside.mean()) > float(outside.mean()) + 0.3


def test_attention_looks_at_the_side_the_prompt_names() -> None:
    models = load_models("streets")
    images, _ = stack("streets", 4)
    embedding = models.text_encoder.embed(["road on the left", "road on the right"]).expand(4, -1, -1)
    with torch.no_grad():
        left, right = models.attention(models.look(images)[1], embedding).unbind(1)
    assert float(left[..., :8].mean()) > 2 * float(left[..., -8:].mean())
    assert float(right[..., -8:].mean()) > 2 * float(right[..., :8].mean())


def test_another_text_encoder_or_other_files_of_it_change_the_digest(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER / "text", tmp_path / "mine"))
    found = [load_models("streets").digests["text"], load_models("streets", str(folder)).digests["text"]]
    (folder / "extra.json").write_text("{}")
    found.append(load_models("streets", str(folder)).digests["text"])
    assert len(set(found)) == 3
