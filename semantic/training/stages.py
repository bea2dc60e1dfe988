"""The stages of the training of a set of weights, in order; each reads what the earlier ones wrote to the folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DModel
from diffusers.models.modeling_utils import ModelMixin

from taskwave.semantic.attention import PromptAttention
from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.codec.analog import GeneralCode
from taskwave.semantic.codec.latents import LatentCodec, PatchAutoencoder
from taskwave.semantic.diffusion.prior import RegenerationPipeline, build_unet
from taskwave.semantic.diffusion.scheduler import TokenScheduler
from taskwave.semantic.language.text_encoder import TextEncoder
from taskwave.semantic.tasks.segmentation import SegmentationNet
from taskwave.semantic.training.analog import channel_weights, train_general
from taskwave.semantic.training.attention import train_attention
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.codec import train_codec
from taskwave.semantic.training.damage import Regenerator, code, rescale
from taskwave.semantic.training.fit import Log, TrainingRun
from taskwave.semantic.training.joint import Regeneration, train_joint
from taskwave.semantic.training.prior import train_prior
from taskwave.semantic.training.recipe import Recipe, Stage, open_pool
from taskwave.semantic.training.segmentation import train_segmentation
from taskwave.semantic.weights import Models, load_network, save_models

STAGES = ("codec", "segmentation", "general", "prior", "finetune", "joint", "attention")
"""Names of all stages, in order."""


def _tuples(network: dict[str, int | list[int]]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in network.items()}


class Workshop:
    """Trains the stages of `recipe` in `folder` and exports the finished set."""

    def __init__(self, recipe: Recipe, folder: Path, device: str, log: Log) -> None:
        self.recipe, self.folder, self.device, self.log = recipe, folder, device, log
        self.labelled = open_pool(recipe.labelled, device)
        self.val = open_pool(recipe.val, device)
        self.everything = self.labelled
        if recipe.unlabelled is not None:
            self.everything = self.labelled.join(open_pool(recipe.unlabelled, device), recipe.repeat)

    def train(self, stage: str) -> None:
        """Train one of `STAGES`, unless it is finished.

        Raises:
            FileNotFoundError: an earlier stage that this one needs is missing.
        """
        final = self.folder / stage / "final"
        if final.is_dir():
            self.log(f"{stage}: finished already in {final}")
            return
        torch.manual_seed(self.recipe.seed)
        self.log(f"{stage}: {getattr(self.recipe, stage).steps} steps")
        getattr(self, f"_{stage}")().save_pretrained(final)

    def start_from(self, models: Models, stages: Sequence[str]) -> None:
        """Use the networks of a finished set as the results of all stages but `stages`.

        `joint` and `finetune` among `stages` continue with the networks of the set, the others start anew.
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
        for stage, network in networks.items():
            final = self.folder / stage / "final"
            if stage not in stages and not final.is_dir():
                network.save_pretrained(final)
        if "codec" not in stages:
            self._save_statistics(models.codec)

    def export(self, target: Path) -> None:
        """Write the finished set, in half precision, to `target`."""
        codec = self._load_codec()
        networks = {
            "general": self._load_general("joint"),
            "prior": self._load_prior("joint"),
            "segmentation": load_network(SegmentationNet, self._final("finetune")),
            "attention": load_network(PromptAttention, self._final("attention")),
        }
        save_models(target, codec, channel_weights(codec, self.labelled), networks)

    def _final(self, stage: str) -> Path:
        path = self.folder / stage / "final"
        if not path.is_dir():
            raise FileNotFoundError(f"{path} does not exist: train the stage '{stage}' first")
        return path

    def _run(self, stage: str, pool: ImagePool) -> TrainingRun:
        schedule: Stage = getattr(self.recipe, stage)
        config = schedule.fit(self.recipe.seed)
        return TrainingRun(pool, self.val, config, self.folder / stage, schedule.batch, self.log)

    def _load_codec(self) -> LatentCodec:
        vae = load_network(PatchAutoencoder, self._final("codec"))
        statistics = json.loads((self.folder / "codec" / "statistics.json").read_text())
        codec = LatentCodec(vae, torch.tensor(statistics["mean"]), torch.tensor(statistics["std"]))
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
        model = PatchAutoencoder(**_tuples(self.recipe.codec.network))
        codec = train_codec(model, self._run("codec", self.everything))
        self._save_statistics(codec)
        return codec.vae  # type: ignore[return-value]

    def _save_statistics(self, codec: LatentCodec) -> None:
        statistics = {"mean": codec.mean.flatten().tolist(), "std": codec.std.flatten().tolist()}  # type: ignore[operator]
        (self.folder / "codec" / "statistics.json").write_text(json.dumps(statistics))

    def _general(self) -> GeneralCode:
        codec = self._load_codec()
        model = GeneralCode(codec.channels + NUM_CLASSES, **_tuples(self.recipe.general.network))
        task_network = self._load_segmentation("segmentation")
        return train_general(model, codec, task_network, self.labelled, self._run("general", self.everything))

    def _prior(self) -> UNet2DModel:
        codec = self._load_codec()
        unet = build_unet(codec.channels, codec.channels + NUM_CLASSES, **_tuples(self.recipe.prior.network))
        general, task_network = self._load_general("general"), self._load_segmentation("segmentation")
        return train_prior(unet, codec, general, task_network, self._run("prior", self.everything))

    def _segmentation(self) -> SegmentationNet:
        net = SegmentationNet(**_tuples(self.recipe.segmentation.network))
        return train_segmentation(net, self._run("segmentation", self.labelled))

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
        codec = self._load_codec()
        model = PromptAttention(codec.channels, NUM_CLASSES, **_tuples(self.recipe.attention.network))
        task_network = self._load_segmentation("finetune")
        run = self._run("attention", self.labelled)
        return train_attention(model, codec, task_network, TextEncoder.load(None), run)
