"""Codec, analog code, attention, segmentation network and metrics on small tensors."""

import pytest
import torch
from torch.nn import functional

from taskwave.semantic.attention.prompt import PromptAttention
from taskwave.semantic.classes import IGNORE, NO_ANSWER, NUM_CLASSES
from taskwave.semantic.codec.analog import GeneralCode, scene
from taskwave.semantic.codec.latents import LatentCodec, PatchAutoencoder
from taskwave.semantic.judges.segmentation import SegmentationNet, Segmenter
from taskwave.semantic.metrics import confusion_matrix, iou_counts, mean_iou, psnr


def smooth_images(count: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand(count, 3, 6, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(rough, scale_factor=16, mode="bicubic", align_corners=False)
    return (smooth + 0.03 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


def test_codec_starts_as_the_karhunen_loeve_transform() -> None:
    """The error is the energy of the principal components left out, and the latents have unit power."""
    images = smooth_images() * 2 - 1
    codec = PatchAutoencoder(latent_channels=16, encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1)
    codec.start_linear(images)
    latents = codec.encode(images).latent_dist.mode().detach()
    decoded = codec.decode(latents).sample
    blocks = torch.nn.functional.pixel_unshuffle(images, 8).movedim(1, -1).flatten(0, -2).double()
    power = torch.linalg.eigvalsh(torch.cov(blocks.T))
    error = (decoded - images).square().mean() * 192 * len(blocks) / (len(blocks) - 1)
    assert float(error.detach()) == pytest.approx(float(power[:-16].sum()), rel=1e-3)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(16), atol=1e-3, rtol=1e-3)


def test_latent_codec_normalises_and_undoes_it() -> None:
    vae = PatchAutoencoder(encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1)
    vae.start_linear(smooth_images() * 2 - 1)
    plain = LatentCodec(vae, torch.zeros(16), torch.ones(16))
    shifted = LatentCodec(vae, torch.linspace(-1, 1, 16), torch.linspace(0.5, 2, 16))
    torch.testing.assert_close(
        shifted.decode(shifted.encode(smooth_images())), plain.decode(plain.encode(smooth_images()))
    )
    assert float(psnr(plain.decode(plain.encode(smooth_images())).detach(), smooth_images()).mean()) > 25


def test_codec_refuses_ragged_images() -> None:
    codec = LatentCodec(PatchAutoencoder(), torch.zeros(16), torch.ones(16))
    with pytest.raises(ValueError, match="100"):
        codec.encode(torch.rand(1, 3, 100, 96))


def test_codec_saves_and_loads_as_diffusers_does(tmp_path: object) -> None:
    codec = PatchAutoencoder(latent_channels=4, encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1)
    codec.save_pretrained(tmp_path)
    again = PatchAutoencoder.from_pretrained(tmp_path)
    z = torch.randn(1, 4, 3, 3)
    torch.testing.assert_close(again.decode(z).sample, codec.decode(z).sample)


def test_analog_code_starts_as_the_principal_components_of_cells() -> None:
    """Without noise the error is the weighted energy of the components left out; every layer has unit power."""
    rough = torch.randn(64, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    latents = (
        torch.nn.functional.interpolate(rough, scale_factor=2, mode="bilinear")
        * torch.linspace(2, 0.2, 16)[:, None, None]
    )
    weights = torch.linspace(0.5, 1.5, 16).reshape(1, -1, 1, 1)
    code = GeneralCode(channels=16, layers=(4, 8), widths=(16, 16, 16))
    code.start_linear(latents, weights)
    symbols = code.encode(latents).detach()
    torch.testing.assert_close(symbols[:, 4:].abs().square().mean(), torch.tensor(1.0), rtol=0.02, atol=0)
    cells = torch.nn.functional.pixel_unshuffle(latents * weights.sqrt(), 4).movedim(1, -1).flatten(0, -2).double()
    left = torch.linalg.eigvalsh(torch.cov(cells.T))[:-24].sum() * (len(cells) - 1)
    with torch.no_grad():
        linear = code.analysis(torch.nn.functional.pixel_unshuffle(latents, 4))
        decoded = torch.nn.functional.pixel_shuffle(code.synthesis(linear), 4)
    assert float((weights * (decoded - latents).square()).sum()) == pytest.approx(float(left), rel=1e-3)


def test_the_general_layer_has_unit_power() -> None:
    code = GeneralCode(channels=16, layers=(8, 4), widths=(16, 16, 16))
    symbols = code.encode(torch.randn(2, 16, 24, 32))
    assert symbols.shape == (2, 12, *code.grid(24, 32)) and code.grid(24, 32) == (6, 8)
    torch.testing.assert_close(symbols[:, :8].abs().square().mean((1, 2, 3)), torch.ones(2))
    assert code.decode(symbols, torch.full(symbols.shape, 0.1)).shape == (2, 16, 24, 32)


def test_symbols_that_were_not_received_do_not_matter() -> None:
    code = GeneralCode(channels=16, layers=(8, 4), widths=(16, 16, 16)).eval()
    symbols = code.encode(torch.randn(1, 16, 24, 32))
    noise = torch.full(symbols.shape, 0.1)
    noise[:, 8:], noise[:, 3, 2] = torch.inf, 1e12
    other = torch.where(noise > 1, 5, symbols)
    torch.testing.assert_close(code.decode(symbols, noise), code.decode(other, noise))


def test_a_scene_is_latents_then_the_share_of_every_class() -> None:
    latents, logits = torch.randn(1, 16, 2, 3), torch.full((1, 11, 16, 24), -50.0)
    logits[:, 8], logits[:, 8, :4, :8], logits[:, 3, :4, :8] = 50, -50, 50
    seen = scene(latents, logits)
    torch.testing.assert_close(seen[:, :16], latents)
    torch.testing.assert_close(seen[:, 16:].sum(1), torch.ones(1, 2, 3))
    assert seen[0, 16 + 3, 0, 0] == seen[0, 16 + 8, 0, 0] == 0.5 and seen[0, 16 + 8, 1, 2] == 1


def test_general_code_refuses_a_ragged_grid() -> None:
    with pytest.raises(ValueError, match="22x32"):
        GeneralCode(widths=(16, 16, 16)).encode(torch.randn(1, 27, 22, 32))


def test_attention_scores_every_token_for_every_prompt() -> None:
    attention = PromptAttention(width=16).eval()
    scenes, prompts = random_scenes(2), functional.normalize(torch.randn(2, 3, 128), dim=-1)
    both = attention(scenes, prompts)
    assert both.shape == (2, 3, 24, 32) and bool(((both >= 0) & (both <= 1)).all())
    torch.testing.assert_close(both[:, 1:2], attention(scenes, prompts[:, 1:2]))


def random_scenes(batch: int) -> torch.Tensor:
    return torch.cat([torch.randn(batch, 16, 24, 32), torch.randn(batch, 11, 24, 32).softmax(1)], dim=1)


def test_untrained_keys_of_attention_are_the_shares_of_the_scene() -> None:
    scenes = random_scenes(2)
    torch.testing.assert_close(PromptAttention(width=16).keys(scenes), scenes[:, 16:], atol=0.012, rtol=0)


def test_segmentation_answers_at_the_size_of_the_image() -> None:
    task = Segmenter(SegmentationNet(widths=(8, 8, 8, 8), depths=(1, 1, 1)))
    answer = task.predict(smooth_images(2))
    assert answer.shape == (2, 96, 128) and answer.dtype == torch.uint8 and int(answer.max()) < 11


def test_iou_counts_by_hand() -> None:
    label = torch.tensor([[[8, 8, 3], [IGNORE, 9, 3]]], dtype=torch.uint8)
    predicted = torch.tensor([[[8, 9, 8], [8, 9, 3]]], dtype=torch.uint8)
    assert [x.item() for x in iou_counts(predicted, label, [8])] == [1, 3]
    assert [x.item() for x in iou_counts(predicted, label, [8, 9])] == [2, 5]
    none = torch.full_like(label, NO_ANSWER)
    assert [x.item() for x in iou_counts(none, label, [8])] == [0, 2]


def test_iou_refuses_strange_classes_and_shapes() -> None:
    label = torch.zeros(1, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="11"):
        iou_counts(label, label, [11])
    with pytest.raises(ValueError, match="shape"):
        iou_counts(label[:, :1], label, [1])


def test_mean_iou_leaves_out_absent_classes() -> None:
    label = torch.tensor([[[0, 0, 1, IGNORE]]], dtype=torch.uint8)
    predicted = torch.tensor([[[0, 1, 1, 5]]], dtype=torch.uint8)
    assert mean_iou(confusion_matrix(predicted, label)) == pytest.approx((1 / 2 + 1 / 2) / 2)


def test_confusion_matrix_counts_every_pair_of_label_and_answer() -> None:
    """Checked against a count by hand, with pixels that have no label or no answer."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.tensor([*range(NUM_CLASSES), NO_ANSWER, IGNORE], dtype=torch.uint8)
    predicted, label = ids[torch.randint(len(ids), (2, 3, 40, 50), generator=generator)]
    matrix = confusion_matrix(predicted, label)
    assert matrix.dtype == torch.int64 and matrix.shape == (NUM_CLASSES, NUM_CLASSES)
    for true in range(NUM_CLASSES):
        for answer in range(NUM_CLASSES):
            assert matrix[true, answer] == ((label == true) & (predicted == answer)).sum()
    assert int(confusion_matrix(label, torch.full_like(label, IGNORE)).sum()) == 0


def test_psnr_is_the_mean_squared_error_in_decibels() -> None:
    generator = torch.Generator().manual_seed(0)
    reference = torch.rand(8, 3, 48, 64, generator=generator)
    spread = torch.logspace(0, -3, 8).reshape(-1, 1, 1, 1)
    images = reference + spread * torch.randn(reference.shape, generator=generator)
    expected = -10 * (images - reference).double().square().mean((1, 2, 3)).log10()
    torch.testing.assert_close(psnr(images, reference).double(), expected, atol=1e-4, rtol=0)
    assert bool(psnr(reference, reference).isposinf().all())
