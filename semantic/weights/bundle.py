"""The folder of a set of weights: every network in the format of diffusers, and the numbers that join them."""

import hashlib
import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DModel
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from taskwave.semantic.attention.locator import Locator
from taskwave.semantic.attention.prompt import PromptAttention
from taskwave.semantic.codec.analog import GeneralCode, scene
from taskwave.semantic.codec.detail import Holding
from taskwave.semantic.codec.latents import LatentCodec, PatchAutoencoder
from taskwave.semantic.codec.windows import WindowCode
from taskwave.semantic.diffusion.prior import RegenerationPipeline
from taskwave.semantic.diffusion.scheduler import TokenScheduler
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.judges.reader import PatchNet
from taskwave.semantic.judges.segmentation import SegmentationNet, Segmenter
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.surrogates.base import FidelitySurrogate, Surrogate, SurrogateName
from taskwave.semantic.surrogates.networks import SegmentationSurrogate, SignSurrogate, digest_of
from taskwave.semantic.weights.storage import load_network, save_network

HERE = Path(__file__).parent
"""Folder of the bundled sets."""
_SIGNS = "signs"
"""What the surrogate of signs looks for."""
INDEX = "bundle.json"
"""Name of the file in a set that holds statistics of the latents and channel weights."""

_LIBRARIES = (diffusers_logging, transformers_logging)
"""Logging of the libraries that `quiet_libraries` silences."""


@dataclass
class Models:
    """Holds all trained networks that the links need, on one device, in evaluation mode."""

    name: str
    """Name or folder of the set."""
    codec: LatentCodec
    """Image codec."""
    general: GeneralCode
    """Analog code."""
    prior: RegenerationPipeline
    """Diffusion pipeline that regenerates latents."""
    segmentation: Segmenter
    """Task with its network."""
    attention: PromptAttention
    """Attention from prompts to tokens."""
    text_encoder: TextEncoder
    """Text encoder of the prompts."""
    locator: Locator
    """Network of transmitters that finds in an image what a prompt names."""
    windows: WindowCode
    """Code of windows."""
    surrogate: Surrogate
    """What a transmitter takes for the tasks of receivers when it weighs what to send."""
    channel_weights: torch.Tensor
    """Change of the image by a unit error in each latent channel, [1, C, 1, 1], mean one."""
    digests: dict[str, str]
    """SHA-256 digests of the files of each network (and of the index) by name, a part of the identity of results."""
    judges: Panel | None = None
    """Judges of the receivers, for links of kind `answer` only: their transmitter owns the task networks as well. None:
    such links cannot be made."""

    @torch.no_grad()
    def look(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return latents [B, C, h, w] and scenes [B, C + K, h, w] of images [B, 3, H, W] in [0, 1].

        The scenes are what the analog code encodes.
        """
        latents = self.codec.encode(images)
        return latents, scene(latents, self.segmentation.logits(images))

    @torch.no_grad()
    def regenerate(self, held: Holding, noise: torch.Tensor | None = None, steps: int = 1) -> torch.Tensor:
        """Regenerate latents [B, C, h, w] from what an end holds: the posterior mean, or a sample.

        Args:
            held: symbols and latents received, with their noise variances.
            noise: white noise [B, C, h, w] of unit power with which a sample starts; None gives the posterior mean.
            steps: number of steps of the reverse process.
        """
        coarse = self.general.decode(held.symbols, held.symbol_noise)
        start = torch.zeros_like(held.latents) if noise is None else noise
        return self.prior(held.latents, held.latent_noise, coarse, start, num_inference_steps=steps)


@contextmanager
def quiet_libraries() -> Generator[None]:
    """Keep progress bars and advice of diffusers and transformers off the terminal within the block."""
    before = [(library, library.is_progress_bar_enabled(), library.get_verbosity()) for library in _LIBRARIES]
    try:
        for library in _LIBRARIES:
            library.disable_progress_bar()
            library.set_verbosity_error()
        yield
    finally:
        for library, bar, verbosity in before:
            library.set_verbosity(verbosity)
            if bar:
                library.enable_progress_bar()


def bundled_sets() -> tuple[str, ...]:
    """Return the names of the sets that come with the project."""
    return tuple(sorted(p.parent.name for p in HERE.glob(f"*/{INDEX}")))


def _folder(name_or_path: str | Path) -> Path:
    bundled = HERE / str(name_or_path)
    for folder in (bundled, Path(name_or_path)):
        if (folder / INDEX).is_file():
            return folder
    raise FileNotFoundError(
        f"no weights '{name_or_path}': neither a bundled set ({', '.join(bundled_sets())}) nor a folder with {INDEX}; "
        "name one of these, or train a set with `taskwave train`"
    )


def load_task_network(folder: Path) -> Segmenter:
    """Load a segmentation network from a folder of the user.

    Raises:
        FileNotFoundError: the folder holds no network.
        ValueError: the files are damaged.
    """
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"no task network in {folder}: name the folder that holds its config.json, as "
            "`taskwave train set RECIPE --stage segmentation --out DIR` leaves it in DIR/segmentation/final"
        )
    return Segmenter(load_network(SegmentationNet, folder), folder_digest(folder), str(folder))


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 digest of the weights and configurations in a folder and below it."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".json"):
            total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def _text_digest(text_encoder: str | None) -> str:
    """Return the digest of the files of the text encoder, or its Hugging Face id where it has no local folder."""
    if text_encoder is None:
        return folder_digest(HERE / "text")
    folder = Path(text_encoder).expanduser()
    return "mapped " + (folder_digest(folder) if folder.is_dir() else text_encoder)


def _load_text_encoder(text_encoder: str | None) -> TextEncoder:
    with quiet_libraries():
        return TextEncoder.load(text_encoder)


def load_models(
    name_or_path: str | Path = "streets", text_encoder: str | None = None, surrogate: SurrogateName = "segmentation"
) -> Models:
    """Load a bundled set by name, or a set of the user by folder.

    Args:
        name_or_path: name or folder of the set.
        text_encoder: path or Hugging Face id of a pretrained text encoder that replaces the bundled one.
        surrogate: what transmitters weigh by; "segmentation" is by the segmentation network of the set.

    Raises:
        FileNotFoundError: there is no such set.
        ValueError: the files are damaged.
    """
    folder = _folder(name_or_path)
    try:
        index = json.loads((folder / INDEX).read_text())
        mean, std, weights = (torch.tensor(index[k]) for k in ("latents_mean", "latents_std", "channel_weights"))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / INDEX} is damaged ({error!r}): restore it or export the set again") from error
    codec = LatentCodec(load_network(PatchAutoencoder, folder / "codec"), mean, std)
    digests = {
        **{path.name: folder_digest(path) for path in sorted(folder.iterdir()) if path.is_dir()},
        "index": hashlib.sha256((folder / INDEX).read_bytes()).hexdigest(),
        "text": _text_digest(text_encoder),
        **{shared: folder_digest(HERE / shared) for shared in ("locator", "windows")},
    }
    segmentation = Segmenter(load_network(SegmentationNet, folder / "segmentation"))
    locator = load_network(Locator, HERE / "locator").to(memory_format=torch.channels_last)  # quicker on a processor
    text = _load_text_encoder(text_encoder)
    weighing = _surrogate(surrogate, segmentation, locator, digests["segmentation"])
    return Models(
        name=str(name_or_path),
        codec=codec.eval(),
        general=load_network(GeneralCode, folder / "general"),
        prior=RegenerationPipeline(load_network(UNet2DModel, folder / "prior"), TokenScheduler()),
        segmentation=segmentation,
        attention=load_network(PromptAttention, folder / "attention"),
        text_encoder=text,
        locator=locator,
        windows=load_network(WindowCode, HERE / "windows"),
        surrogate=weighing,
        channel_weights=weights.reshape(1, -1, 1, 1),
        digests={**digests, "surrogate": weighing.digest},
    )


def _surrogate(name: SurrogateName, segmenter: Segmenter, locator: Locator, digest: str) -> Surrogate:
    """Return the surrogate of a name; `digest` is that of the segmentation network."""
    if name == "psnr":
        return FidelitySurrogate()
    if name == "segmentation":
        return SegmentationSurrogate(segmenter, digest)
    prompt = _load_text_encoder(None).embed([_SIGNS])[0]
    digests = (folder_digest(HERE / part) for part in ("text", "locator", "surrogate"))
    return SignSurrogate(locator, prompt, load_network(PatchNet, HERE / "surrogate"), digest_of(*digests))


def forget_origin(path: Path) -> None:
    """Remove from a configuration the folder that the network was loaded from, which diffusers writes there."""
    config = json.loads(path.read_text())
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2) + "\n")


def check_target(folder: Path) -> None:
    """Raise ValueError if `folder` holds anything, because a set is never written over something else."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not empty: name a new folder for the weights, or remove it")


def save_models(
    folder: Path, codec: LatentCodec, channel_weights: torch.Tensor, networks: dict[str, ModelMixin]
) -> None:
    """Write a set: `codec` with its statistics, `channel_weights`, and `networks` by folder name.

    It is written beside its place and put there whole.

    Raises:
        ValueError: the folder exists and is not empty.
        OSError: the folder cannot be written.
    """
    folder = folder.absolute()
    check_target(folder)
    partial = folder.with_name(f"{folder.name}.partial")
    index = {
        "latents_mean": codec.mean.flatten().tolist(),  # type: ignore[operator]
        "latents_std": codec.std.flatten().tolist(),  # type: ignore[operator]
        "channel_weights": channel_weights.flatten().tolist(),
    }
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, network in {"codec": codec.vae, **networks}.items():
            save_network(network, partial / name)
        (partial / INDEX).write_text(json.dumps(index, indent=1) + "\n")
        partial.replace(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OSError(f"{folder} cannot be written ({error}): free space there or name another folder") from error
