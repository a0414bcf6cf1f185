"""The ConvLSTM learns directions from the maps alone, before the density is trained.

In the metric form the direction loss takes the direction field as given, and the field learns from the maps: the two
networks share no gradient. So the ConvLSTM is trained once, over the hours of the maps, and tabulated; in the density's
steps, which then cost half, it does not run.
"""

from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping
from safetensors.torch import load_file
from torch.utils.data import DataLoader

from rstmrf.config import RunConfig
from rstmrf.data.map_windows import WINDOWS_A_STEP, WindowsOfHours
from rstmrf.data.run_data import RunData
from rstmrf.model.direction import DirectionField
from rstmrf.training import guard, log
from rstmrf.training.checkpoints import read_checkpoint, save_whole
from rstmrf.training.direction_losses import head_term
from rstmrf.training.run_folder import CHECKPOINTS, FINISHED, checkpoint_to_go_on_from, identity
from rstmrf.training.schedule import warm_up_and_cosine
from rstmrf.training.terms import shared_terms
from rstmrf.training.trainer import keep_best, keep_last, make_trainer, quiet

BLOCK_HOURS, HELD_OUT_SHARE, PATIENCE = 3, 1 / 8, 6


class HoursOfMaps(L.LightningDataModule):
    """Hours of a run's maps: a part to learn from, and blocks of hours to stop by.

    Hours that an analysis knows are all that have whole windows; a forecast's end with the last observed one.
    """

    def __init__(self, data: RunData):
        super().__init__()
        self.processor, self.seed = data.processor, data.config.seed
        rows = data.processor.coverage.whole.nonzero()[:, 0]
        if data.last_hour is not None:
            rows = rows[rows <= int(np.floor(data.last_hour)) - data.processor.first_hour]
        block = rows // BLOCK_HOURS
        blocks = block.unique()
        random = torch.Generator().manual_seed(self.seed)
        held = blocks[torch.randperm(len(blocks), generator=random)[: max(1, round(HELD_OUT_SHARE * len(blocks)))]]
        self.held_out, self.learned = rows[torch.isin(block, held)], rows[~torch.isin(block, held)]

    def train_dataloader(self) -> DataLoader:
        assert self.trainer is not None  # Lightning asks for batches
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.trainer.current_epoch)
        return self._batches(self.learned[torch.randperm(len(self.learned), generator=random)])

    def val_dataloader(self) -> DataLoader:
        return self._batches(self.held_out)

    def _batches(self, rows):
        t = self.trainer
        assert t is not None  # Lightning asks for batches
        windows = WindowsOfHours(self.processor, rows.split(WINDOWS_A_STEP), t.global_rank, t.world_size)
        return DataLoader(windows, batch_size=None, shuffle=False)


class HeadModule(L.LightningModule):
    """Steps of the direction field: 1 − cosine to the gradient of the observed map."""

    def __init__(self, config: RunConfig, direction_field: DirectionField, run: dict[str, str]):
        super().__init__()
        self.config, self.direction_field, self.run = config, direction_field, run

    def training_step(self, batch, batch_index):
        term = self._term(batch)
        guard.check_terms({"head": term.mean}, {"TEC": batch.unique_tec_map_seq}, self.global_step)
        self.log("train_cosine", 1 - term.mean, on_step=False, on_epoch=True, batch_size=len(batch.target_tec_map))
        return shared_terms({"head": term})["head"].mean

    def validation_step(self, batch, batch_index):
        cosine = 1 - self._term(batch).mean
        self.log("dev_cosine", cosine, batch_size=len(batch.target_tec_map), sync_dist=True)

    def _term(self, batch):
        field = self.direction_field(batch.unique_tec_map_seq).float()
        return head_term(field, batch, self.config)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.config.head_learning_rate, weight_decay=1e-3)
        return warm_up_and_cosine(optimizer, self.config.warmup_steps, self.trainer)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["run"] = self.run


def learn_directions(
    direction_field: DirectionField, data: RunData, folder: Path, *, resume: bool = False, **options
) -> None:
    """Train a direction field on the hours of a run's maps, until held-out hours gain no more; the best epoch stays.

    Args:
        folder: for its checkpoints and its own `metrics.csv` (`train_cosine`, `dev_cosine` by epoch).
        resume: go on from the checkpoint that is there; one that was finished is taken as it is.
        options: passed to `lightning.Trainer`.
    """
    finished = folder / FINISHED
    if resume and finished.exists():
        direction_field.load_state_dict(load_file(finished))
        return
    run = identity(data)
    module = HeadModule(data.config, direction_field, run)
    last = checkpoint_to_go_on_from(folder, run) if resume else None
    if last is not None:
        log.rows_until(folder, read_checkpoint(last)["global_step"])
    best = keep_best(folder / CHECKPOINTS, "dev_cosine", "max")
    callbacks = [best, EarlyStopping("dev_cosine", patience=PATIENCE, mode="max"), keep_last(folder / CHECKPOINTS)]
    with quiet():
        trainer = make_trainer(data.config, folder, data.config.head_epochs, callbacks, options)
        trainer.fit(module, HoursOfMaps(data), ckpt_path=last, weights_only=True)
    module.load_state_dict(read_checkpoint(best.best_model_path)["state_dict"])
    direction_field.cpu()
    if trainer.is_global_zero:
        save_whole(direction_field.state_dict(), finished)
