"""Lightning's trainer as both phases of a run use it: the ConvLSTM's own, and the density's."""

import logging
import warnings
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.files import write_whole
from rstmrf.training.checkpoints import LAST, packed, read_checkpoint, relocated
from rstmrf.training.log import RunLog

#: what a checkpoint holds for going on only: moments of the optimizer, the rate, weights before averaging
FOR_GOING_ON = ("optimizer_states", "lr_schedulers", "current_model_state", "averaging_state")


class Epochs(L.LightningDataModule):
    """A run's data as Lightning asks for it: the batches of the epoch that it is at, for each of its processes."""

    def __init__(self, data: RunData):
        super().__init__()
        self.data = data

    def train_dataloader(self):
        t = self.trainer
        assert t is not None  # Lightning asks for batches
        return self.data.train_dataloader(t.current_epoch, rank=t.global_rank, world=t.world_size)

    def val_dataloader(self):
        return self.data.val_dataloader()


class CheckpointFiles(TorchCheckpointIO):
    """Writes checkpoints as a run's settings say.

    Args:
        compress: "none", "gzip" or "zstd".
        save_optimizer: False leaves out what only going on needs, except in `last.ckpt`, from which a run goes on.
    """

    def __init__(self, compress: str = "none", save_optimizer: bool = True):
        super().__init__()
        self.compress, self.save_optimizer = compress, save_optimizer

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        if not self.save_optimizer and Path(path).name != LAST:
            checkpoint = {key: value for key, value in checkpoint.items() if key not in FOR_GOING_ON}
        write_whole(Path(path), packed(checkpoint, self.compress))

    def load_checkpoint(self, path, map_location="cpu", weights_only=True):
        return relocated(read_checkpoint(path, map_location), Path(path).parent)


def make_trainer(config: RunConfig, folder: Path, epochs: int, callbacks: list, options: dict) -> L.Trainer:
    """A trainer that logs and saves in a folder.

    Args:
        options: what the user passes on to `lightning.Trainer`; callbacks and plugins of theirs are added to ours.
    """
    options = {"accelerator": "auto", "devices": 1, **options}
    return L.Trainer(
        max_epochs=epochs,
        callbacks=[*callbacks, *_listed(options.pop("callbacks", None))],
        plugins=[CheckpointFiles(config.compress, config.save_optimizer), *_listed(options.pop("plugins", None))],
        precision=options.pop("precision", precision(config, options["accelerator"])),
        **{
            "logger": RunLog(folder),
            "gradient_clip_val": config.gradient_clip,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "use_distributed_sampler": False,
            "reload_dataloaders_every_n_epochs": 1,  # epochs differ by a few batches
            **options,
        },
    )


def keep_best(folder: Path, monitor: str, mode: str = "min") -> ModelCheckpoint:
    """Keeps the checkpoint of the best epoch."""
    return ModelCheckpoint(folder, "best-{epoch:03d}", monitor=monitor, mode=mode)


def keep_last(folder: Path) -> ModelCheckpoint:
    """Keeps the newest checkpoint, to go on from; `save_last=True` would copy the best one instead."""
    name = LAST.removesuffix(".ckpt")
    return ModelCheckpoint(folder, name, monitor="step", mode="max", enable_version_counter=False)


def precision(config: RunConfig, accelerator: str) -> str:
    """Lightning's name of the precision: bfloat16 where the device chosen has it, for it needs no loss scaling."""
    if not config.use_amp:
        return "32-true"
    on_cuda = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    return "16-mixed" if on_cuda and not torch.cuda.is_bf16_supported() else "bf16-mixed"


def _listed(given) -> list:
    return [] if given is None else list(given) if isinstance(given, list | tuple) else [given]


class quiet:
    """Lightning tells of devices and loaders at length; errors still pass."""

    def __enter__(self):
        self._loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
        self._levels = [log.level for log in self._loggers]
        for log in self._loggers:
            log.setLevel(logging.ERROR)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.filterwarnings("ignore", module="lightning")

    def __exit__(self, *error):
        self._warnings.__exit__(*error)
        for log, level in zip(self._loggers, self._levels, strict=True):
            log.setLevel(level)
