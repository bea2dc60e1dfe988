"""The networks of a simulation: those of a set of weights, and those that all sets share."""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from taskwave.semantic.attention.locator import Locator
from taskwave.semantic.codec.windows import WindowCode
from taskwave.semantic.diffusion.posterior import WindowPosterior
from taskwave.semantic.judges.panel import Panel
from taskwave.semantic.judges.reader import PatchNet
from taskwave.semantic.judges.segmentation import SegmentationNet, Segmenter
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.surrogates.base import FidelitySurrogate, Surrogate, SurrogateName
from taskwave.semantic.surrogates.networks import SegmentationSurrogate, SignSurrogate, digest_of
from taskwave.semantic.weights.storage import load_network

HERE = Path(__file__).parent
"""Folder of the bundled sets."""
PARTS = ("windows", "posterior")
"""Folders of a set of weights, a network each."""
_SIGNS = "signs"
"""What the surrogate of signs looks for."""

_LIBRARIES = (diffusers_logging, transformers_logging)
"""Logging of the libraries that `quiet_libraries` silences."""


@dataclass
class Models:
    """Holds all trained networks that the links need, in evaluation mode."""

    name: str
    """Name or folder of the set."""
    windows: WindowCode
    """Code of windows."""
    posterior: WindowPosterior
    """Diffusion that says what windows may show."""
    text_encoder: TextEncoder
    """Text encoder of the prompts."""
    locator: Locator
    """Network of transmitters that finds in an image what a prompt names."""
    surrogate: Surrogate
    """What a transmitter takes for the tasks of receivers when it weighs what to send."""
    digests: dict[str, str]
    """SHA-256 digests of the files of each network by name, a part of the identity of results."""
    judges: Panel | None = None
    """Judges of the receivers, for links whose ends own task networks. None: such links cannot be made."""


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
    return tuple(sorted(folder.name for folder in HERE.iterdir() if _is_set(folder)))


def _is_set(folder: Path) -> bool:
    return all((folder / part / "config.json").is_file() for part in PARTS)


def _folder(name_or_path: str | Path) -> Path:
    for folder in (HERE / str(name_or_path), Path(name_or_path)):
        if _is_set(folder):
            return folder
    raise FileNotFoundError(
        f"no weights '{name_or_path}': neither a bundled set ({', '.join(bundled_sets())}) nor a folder with "
        f"{' and '.join(PARTS)}; name one of these, or train them with `taskwave train windows` and "
        "`taskwave train posterior`"
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
            "`taskwave train surrogate camvid --export DIR` writes it"
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


def load_text_encoder(text_encoder: str | None = None) -> TextEncoder:
    """Load a text encoder with no foreign progress bars; None: the bundled one.

    Raises:
        OSError, ValueError: as in `TextEncoder.load`.
    """
    with quiet_libraries():
        return TextEncoder.load(text_encoder)


def load_models(
    name_or_path: str | Path = "roads", text_encoder: str | None = None, surrogate: SurrogateName = "signs"
) -> Models:
    """Load a bundled set by name, or a set of the user by folder.

    Args:
        name_or_path: name or folder of the set.
        text_encoder: path or Hugging Face id of a pretrained text encoder that replaces the bundled one.
        surrogate: what transmitters weigh by.

    Raises:
        FileNotFoundError: there is no such set.
        ValueError: the files are damaged.
    """
    folder = _folder(name_or_path)
    locator = load_network(Locator, HERE / "locator").to(memory_format=torch.channels_last)  # quicker on a processor
    text, weighing = load_text_encoder(text_encoder), _surrogate(surrogate, locator)
    return Models(
        name=str(name_or_path),
        windows=load_network(WindowCode, folder / "windows"),
        posterior=load_network(WindowPosterior, folder / "posterior"),
        text_encoder=text,
        locator=locator,
        surrogate=weighing,
        digests={
            **{part: folder_digest(folder / part) for part in PARTS},
            "locator": folder_digest(HERE / "locator"),
            "surrogate": weighing.digest,
            "text": _text_digest(text_encoder),
        },
    )


def _surrogate(name: SurrogateName, locator: Locator) -> Surrogate:
    """Return the surrogate of a name."""
    if name == "psnr":
        return FidelitySurrogate()
    folder = HERE / "surrogate" / name
    if name == "signs":
        prompt = load_text_encoder(None).embed([_SIGNS])[0]
        digests = (folder_digest(each) for each in (HERE / "text", HERE / "locator", folder))
        return SignSurrogate(locator, prompt, load_network(PatchNet, folder), digest_of(*digests))
    return SegmentationSurrogate(Segmenter(load_network(SegmentationNet, folder)), folder_digest(folder))


def check_target(folder: Path) -> None:
    """Raise ValueError if `folder` holds anything, because a set is never written over something else."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not empty: name a new folder for the weights, or remove it")
