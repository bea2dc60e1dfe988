"""Networks on the disk: eight bits for large tables, half precision for the rest, older files as well."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from taskwave.semantic.judges.reader import PatchNet
from taskwave.semantic.judges.scenes import ClassifierNet, SceneNet
from taskwave.semantic.weights import load_network, save_network
from taskwave.semantic.weights.judges import load_judge, save_scene_judge

FILE = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def net() -> PatchNet:
    torch.manual_seed(0)
    return PatchNet(classes=("a", "b"))


def test_weights_come_back_to_half_a_step_of_the_largest_of_their_output(net: PatchNet, tmp_path: Path) -> None:
    save_network(net, tmp_path)
    loaded, eight = load_network(PatchNet, tmp_path).state_dict(), 0
    stored = load_file(tmp_path / FILE)
    for name, tensor in net.state_dict().items():
        if name in stored and stored[name].dtype == torch.int8:
            eight += 1
            step = tensor.flatten(1).abs().amax(1) / 127
            error = (loaded[name] - tensor).flatten(1).abs().amax(1)
            assert bool((error <= 0.56 * step + 1e-7).all())  # half a step, and the rounding of the scale times 127
        else:
            torch.testing.assert_close(loaded[name], tensor, rtol=1e-3, atol=1e-6)
    assert stored["halves"].dtype == torch.float16, "all that is not in eight bits is one tensor"
    assert eight >= 3 and loaded.keys() == net.state_dict().keys()
    assert (tmp_path / FILE).stat().st_size < 0.65 * sum(2 * t.numel() for t in net.state_dict().values())


def test_whoever_may_read_the_configuration_may_read_the_weights(net: PatchNet, tmp_path: Path) -> None:
    save_network(net, tmp_path)
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_what_was_saved_once_is_saved_alike_again(net: PatchNet, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        save_network(net, tmp_path / folder)
        net = load_network(PatchNet, tmp_path / folder)  # type: ignore[assignment]
    assert (tmp_path / "one" / FILE).read_bytes() == (tmp_path / "two" / FILE).read_bytes()
    assert "_name_or_path" not in (tmp_path / "two" / "config.json").read_text()


def test_files_in_single_and_half_precision_are_read(net: PatchNet, tmp_path: Path) -> None:
    net.save_pretrained(tmp_path / "single")
    net.half().save_pretrained(tmp_path / "half")
    for folder in ("single", "half"):
        loaded = load_network(PatchNet, tmp_path / folder)
        assert not loaded.training and {t.dtype for t in loaded.parameters()} == {torch.float32}
        torch.testing.assert_close(
            dict(loaded.named_parameters()), dict(net.float().named_parameters()), rtol=1e-3, atol=1e-6
        )


def test_damaged_or_foreign_files_are_refused(net: PatchNet, tmp_path: Path) -> None:
    save_network(net, tmp_path)
    with pytest.raises(ValueError, match="cannot read the weights"):
        load_network(SceneNet, tmp_path)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cannot read the weights in .*restore or retrain"):
        load_network(PatchNet, tmp_path)


def test_judges_of_whole_images_are_saved_and_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_scene_judge(tmp_path / "street", "street", SceneNet())
    save_scene_judge(tmp_path / "things", "things", ClassifierNet(classes=("cat", "dog")))
    images = torch.rand(2, 3, 61, 83)
    street, things = load_judge(tmp_path / "street"), load_judge(tmp_path / "things")
    assert (street.name, street.kinds) == ("street", ("segmentation",))
    assert [a.shape for a in street.answer(images, [])] == [(61, 83)] * 2  # type: ignore[union-attr]
    assert things.kinds == ("classification",) and set(things.answer(images, [])) <= {"cat", "dog"}
    assert street.digest != things.digest
