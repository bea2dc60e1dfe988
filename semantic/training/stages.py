"""The stages of the training of a set of weights, in order; each reads what the earlier ones wrote to the folder."""

import json
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DModel
from diffusers.models.modeling_utils import ModelMixin
from safetensors import SafetensorError

from taskwave.semantic.attention.prompt import PromptAttention
from taskwave.semantic.codec.analog import GeneralCode
from taskwave.semantic.codec.latents import LatentCodec, PatchAutoencoder
from taskwave.semantic.diffusion.prior import RegenerationPipeline
from taskwave.semantic.diffusion.scheduler import TokenScheduler
from taskwave.semantic.judges.segmentation import SegmentationNet
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.training.analog import channel_weights, train_general
from taskwave.semantic.training.attention import train_attention
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.codec import train_codec
from taskwave.semantic.training.damage import Regenerator, code, rescale
from taskwave.semantic.training.fit import FitConfig, TrainingRun
from taskwave.semantic.training.images import Images, find, has_labels, load
from taskwave.semantic.training.joint import Regeneration, train_joint
from taskwave.semantic.training.monitor import Monitor, signals_held
from taskwave.semantic.training.networks import Networks
from taskwave.semantic.training.prior import train_prior
from taskwave.semantic.training.recipe import EXPORTED, NEEDS, STAGES, Recipe
from taskwave.semantic.training.record import check, claim, write_whole
from taskwave.semantic.training.segmentation import train_segmentation
from taskwave.semantic.weights import Models, folder_digest, forget_origin, load_network, save_models

STATISTICS = "statistics.json"
"""Name of the file beside the codec that holds mean and standard deviation of its latents."""


class Workshop:
    """Trains the stages of `recipe` in `folder` and exports the finished set.

    The images are found at once, and read when they are first needed.

    Raises:
        FileNotFoundError: images are missing.
        ValueError: a network or a choice of images of the recipe is impossible.
    """

    def __init__(self, recipe: Recipe, folder: Path, device: str, monitor: Monitor) -> None:
        self.recipe, self.folder, self.device, self.monitor = recipe, folder, device, monitor
        self.networks = Networks(recipe)
        self.parameters = self.networks.check()
        sources = {"labelled": recipe.labelled, "unlabelled": recipe.unlabelled, "val": recipe.val}
        self._found: dict[str, Images] = {key: find(s, key) for key, s in sources.items() if s is not None}

    @cached_property
    def labelled(self) -> ImagePool:
        """Labelled training images."""
        return self._load_labelled("labelled")

    @cached_property
    def val(self) -> ImagePool:
        """Images of the validation."""
        return self._load_labelled("val")

    @cached_property
    def everything(self) -> ImagePool:
        """All training images, the labelled ones `repeat` times."""
        if "unlabelled" not in self._found:
            return self.labelled
        return self.labelled.join(load(self._found["unlabelled"], self.device, self.monitor), self.recipe.repeat)

    def _load_labelled(self, key: str) -> ImagePool:
        pool = load(self._found[key], self.device, self.monitor)
        if not has_labels(pool):
            source = self._found[key].source
            raise ValueError(f"{key}: no image of {source.source} {source.split} has a label; name a labelled set")
        return pool

    def check(self, stages: Sequence[str]) -> None:
        """Find before any work what would stop the training of `stages`.

        Raises:
            OSError: the disk is too full.
            ValueError: results of something else lie in the folder of a stage.
        """
        for stage in stages:
            check(self.folder / stage, self._made_from(stage))
        todo = [s for s in stages if not (self.folder / s / "final").is_dir()]
        # A checkpoint holds weights, their average and two moments in single precision, and is written beside the last.
        sizes = {**self.parameters, "finetune": self.parameters["segmentation"]}
        sizes["joint"] = self.parameters["general"] + self.parameters["prior"]
        needed = 20 * sum(sizes[s] for s in todo) + 16 * max((sizes[s] for s in todo), default=0)
        there = next(p for p in (self.folder.absolute(), *self.folder.absolute().parents) if p.exists())
        free = shutil.disk_usage(there).free
        if free < needed:
            raise OSError(
                f"{self.folder}: the checkpoints need {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free: free space "
                "there or name a folder on another disk"
            )

    def train(self, stage: str) -> None:
        """Train one of `STAGES`, unless it is finished.

        Raises:
            FileNotFoundError: an earlier stage that this one needs is missing.
            ValueError: results of something else lie in the folder of the stage.
        """
        final = self.folder / stage / "final"
        for need in NEEDS[stage]:
            self._final(need)
        claim(self.folder / stage, self._made_from(stage))
        if final.is_dir():
            return
        with torch.random.fork_rng():
            torch.manual_seed(self.recipe.seed)
            network = getattr(self, f"_{stage}")()
        _save(network, final)

    def start_from(self, models: Models, stages: Sequence[str]) -> None:
        """Use the networks of a finished set as the results of all stages but `stages`.

        `joint` and `finetune` among `stages` continue with the networks of the set, the others start anew.

        Raises:
            ValueError: the folder of such a stage holds other results.
        """
        networks: dict[str, ModelMixin | Regeneration] = {
            "codec": models.codec.vae,
            "segmentation": models.segmentation.net,
            "general": models.general,
            "prior": models.prior.unet,
            "finetune": models.segmentation.net,
            "joint": Regeneration(models.general, models.prior.unet),
            "attention": models.attention,
        }
        taken = {"stage": "taken from a set of weights", "digests": models.digests}
        for stage in networks:
            if stage not in stages:
                check(self.folder / stage, taken)
        for stage, network in networks.items():
            final = self.folder / stage / "final"
            if stage not in stages and not final.is_dir():
                claim(self.folder / stage, taken)
                if stage == "codec":
                    self._save_statistics(models.codec)
                _save(network, final)

    def export(self, target: Path) -> None:
        """Write the finished set, in half precision, to `target`.

        Raises:
            FileNotFoundError: a stage is missing.
            ValueError: `target` exists and is not empty.
        """
        for stage in EXPORTED:
            self._final(stage)
        codec = self._load_codec()
        networks = {
            "general": self._load_general("joint"),
            "prior": self._load_prior("joint"),
            "segmentation": load_network(SegmentationNet, self._final("finetune")),
            "attention": load_network(PromptAttention, self._final("attention")),
        }
        save_models(target, codec, channel_weights(codec, self.labelled), networks)

    def _made_from(self, stage: str) -> dict[str, Any]:
        """Return all that determines the weights of a stage, as far as it is known."""
        schedule = self.recipe.stage(stage).model_dump(mode="json", exclude={"validate_every"})
        images: dict[str, Any] = {}
        for key, source in self.recipe.images_of(stage).items():
            named = source.model_dump(mode="json", exclude={"folder", "count"})
            images[key] = {**named, "count": self._found[key].count, "content": self._found[key].content}
        if "unlabelled" in images:
            images["repeat"] = self.recipe.repeat
        needs = {n: self.folder / n / "final" for n in NEEDS[stage]}
        digests = {n: folder_digest(final) if final.is_dir() else None for n, final in needs.items()}
        return {"stage": stage, "seed": self.recipe.seed, **schedule, "images": images, "needs": digests}

    def _final(self, stage: str) -> Path:
        path = self.folder / stage / "final"
        if not path.is_dir():
            raise FileNotFoundError(f"{path} does not exist: train the stage '{stage}' first")
        return path

    def _run(self, stage: str, pool: ImagePool) -> TrainingRun:
        schedule = self.recipe.stage(stage)
        config = FitConfig(
            schedule.steps,
            schedule.lr,
            schedule.weight_decay,
            seed=self.recipe.seed,
            validate_every=schedule.validate_every,
        )
        return TrainingRun(pool, self.val, config, self.folder / stage, schedule.batch, self.monitor)

    def _load_codec(self) -> LatentCodec:
        vae = load_network(PatchAutoencoder, self._final("codec"))
        path = self.folder / "codec" / STATISTICS
        try:
            statistics = json.loads(path.read_text())
            codec = LatentCodec(vae, torch.tensor(statistics["mean"]), torch.tensor(statistics["std"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is missing or damaged ({error}): remove {path.parent} to train the stage anew"
            ) from error
        return codec.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]

    def _load_general(self, stage: str) -> GeneralCode:
        path = self._final(stage) / ("general" if stage == "joint" else "")
        return load_network(GeneralCode, path).to(self.device)  # type: ignore[no-any-return]

    def _load_prior(self, stage: str) -> UNet2DModel:
        path = self._final(stage) / ("prior" if stage == "joint" else "")
        return load_network(UNet2DModel, path).to(self.device)

    def _load_segmentation(self, stage: str) -> SegmentationNet:
        return load_network(SegmentationNet, self._final(stage)).to(self.device)  # type: ignore[no-any-return]

    def _codec(self) -> PatchAutoencoder:
        codec = train_codec(self.networks.codec(), self._run("codec", self.everything))
        self._save_statistics(codec)
        return codec.vae  # type: ignore[return-value]

    def _save_statistics(self, codec: LatentCodec) -> None:
        statistics = {"mean": codec.mean.flatten().tolist(), "std": codec.std.flatten().tolist()}  # type: ignore[operator]
        write_whole(self.folder / "codec" / STATISTICS, json.dumps(statistics))

    def _general(self) -> GeneralCode:
        codec, model = self._load_codec(), self.networks.general()
        task_network = self._load_segmentation("segmentation")
        return train_general(model, codec, task_network, self.labelled, self._run("general", self.everything))

    def _prior(self) -> UNet2DModel:
        codec, unet = self._load_codec(), self.networks.prior()
        general, task_network = self._load_general("general"), self._load_segmentation("segmentation")
        return train_prior(unet, codec, general, task_network, self._run("prior", self.everything))

    def _segmentation(self) -> SegmentationNet:
        return train_segmentation(self.networks.segmentation(), self._run("segmentation", self.labelled))

    def _finetune(self) -> SegmentationNet:
        prior = RegenerationPipeline(self._load_prior("prior"), TokenScheduler())
        task_network = self._load_segmentation("segmentation")
        regenerate = Regenerator(self._load_codec(), self._load_general("general"), prior, task_network)
        net = self._load_segmentation("segmentation")
        # Regenerated images are drawn twice as often as each other kind, because they are new to the network.
        kinds = (rescale, code, regenerate, regenerate)
        return train_segmentation(net, self._run("finetune", self.labelled), kinds)

    def _joint(self) -> Regeneration:
        task_network = self._load_segmentation("finetune")
        model = Regeneration(self._load_general("general"), self._load_prior("prior"))
        run = self._run("joint", self.everything)
        return train_joint(model, self._load_codec(), task_network, self.labelled, run)

    def _attention(self) -> PromptAttention:
        codec, model = self._load_codec(), self.networks.attention()
        task_network = self._load_segmentation("finetune")
        run = self._run("attention", self.labelled)
        return train_attention(model, codec, task_network, TextEncoder.load(None), run)


def _save(network: ModelMixin | Regeneration, final: Path) -> None:
    """Write a network beside its place and put it there whole."""
    partial = final.with_name("final.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with signals_held():
        try:
            network.save_pretrained(partial)
            for config in partial.rglob("config.json"):
                forget_origin(config)
            partial.replace(final)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise OSError(f"{final} cannot be written ({error}): free space there and start again") from error


__all__ = ["STAGES", "Workshop"]
