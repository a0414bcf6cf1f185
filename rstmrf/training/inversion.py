"""Observations taken for the inversions they are, by fixed point: what inversion makes of the model leaves its targets.

Once before training, through IRI alone, or after a warm-up, and again every few epochs, the field is put through the
observation operator of each training profile (`rstmrf.data.inversion`). The difference between inverted and own density
is taken off the profile's targets, within a trust region, and a point whose correction is uncertain weighs less.

With `observation` "slant" the training points keep their targets, for their slant TEC is fitted instead.

The development part is corrected at every validation, by the weights that are validated. So its score compares what
inversion makes of the model with what was observed. Against the observations as they are, a model that comes nearer
to the truth scores worse than one that has learned the inversions' error, and the best epoch would be an early one.
"""

import time
from pathlib import Path

import lightning as L
import torch
import torch.distributed as dist

from rstmrf.data.curtains import Residual, residual_of
from rstmrf.data.inversion import Correction, Inversion
from rstmrf.data.splits import DEVELOPMENT, TRAIN
from rstmrf.training.checkpoints import LAST, read_checkpoint
from rstmrf.training.run_folder import CHECKPOINTS

NOTED = ("inversion_s", "inversion_rms_dex", "inversion_limited", "inversion_negative")


class InversionTargets(L.Callback):
    """Takes corrections off the targets that the batches read, in place, and weighs points by what they cannot know.

    The first pass at epoch 0 sees IRI alone; later ones see the weights by which the epoch before was validated, the
    averaged ones where there are such: the callback that averages must stand before this one. The correction of the
    training points stands in the checkpoint, so that a resumed run goes on as it would have. With several processes
    each does a part of the profiles.

    Args:
        data: the run's `config`, `points`, `iri`, `processor` and `split`; its `targets` and `weights` are made here.
    """

    def __init__(self, data):
        self.data, self.config = data, data.config
        points = data.points
        data.targets = points.log10_ne_m3.clone()
        data.weights = torch.ones(len(points)) if points.weight is None else points.weight.clone()
        corrected = (TRAIN, DEVELOPMENT) if self.config.observation == "inverted" else (DEVELOPMENT,)
        self.parts = {part: _Part(data, part) for part in corrected}

    def on_fit_start(self, trainer, module):
        if self._due(0) and self.parts[TRAIN].correction is None:
            self._take(TRAIN, lambda coords: torch.zeros(len(coords)), trainer, module)

    def on_validation_epoch_start(self, trainer, module):
        residual = residual_of(module.model, self.data.processor)
        if not trainer.sanity_checking and self._due(trainer.current_epoch + 1):
            self._take(TRAIN, residual, trainer, module)
        self._take(DEVELOPMENT, residual, trainer, module)

    def state_dict(self) -> dict:
        found = self.parts[TRAIN].correction if TRAIN in self.parts else None
        return {} if found is None else found._asdict()

    def load_state_dict(self, state: dict) -> None:
        if state:
            self.parts[TRAIN].apply(Correction(**state))

    def _due(self, epoch) -> bool:
        """Whether the epoch to come begins with a new correction of the training points."""
        if TRAIN not in self.parts:
            return False
        since = epoch - self.config.inversion_from_epoch
        return 0 <= since and since % self.config.inversion_every_epochs == 0

    def _take(self, number: int, residual: Residual, trainer, module):
        began, part = time.perf_counter(), self.parts[number]
        limit = self.config.inversion_limit_dex
        found = part.inversion.correction(residual, limit, trainer.global_rank, trainer.world_size)
        part.apply(_summed(found, module.device) if trainer.world_size > 1 else found)
        if number == TRAIN:
            noted = dict(zip(NOTED, (time.perf_counter() - began, *part.facts()), strict=True))
            noted["epoch"] = trainer.current_epoch
            for logger in trainer.loggers:
                logger.log_metrics(noted, step=trainer.global_step)


def correct_targets(data, model, run_dir) -> None:
    """Give the data of a finished run, `RunData`, the targets that it was trained on.

    The training points have the correction that stands in the run's last checkpoint. Where that was taken away, they
    have what the model of the best epoch makes of them; so has the development part in any case.
    """
    made, residual = InversionTargets(data), residual_of(model, data.processor)
    remade, last = dict(made.parts), Path(run_dir) / CHECKPOINTS / LAST
    if last.exists():
        made.load_state_dict(read_checkpoint(last)["callbacks"].get(made.state_key, {}))
        remade.pop(TRAIN, None)
    elif not any(made._due(epoch) for epoch in range(data.config.epochs)):
        remade.pop(TRAIN, None)
    for part in remade.values():
        part.apply(part.inversion.correction(residual, data.config.inversion_limit_dex))


class _Part:
    """A part of the split, its observation operator and its newest correction."""

    def __init__(self, data, part: int):
        self.data, self.rows = data, torch.as_tensor(data.split.rows(part))
        own = data.points.select(self.rows)
        self.inversion, self._raw, self._weight = Inversion(own, data.iri), own.log10_ne_m3, data.weights[self.rows]
        self.correction: Correction | None = None

    def apply(self, correction: Correction) -> None:
        self.correction = correction
        self.data.targets[self.rows] = self._raw - correction.dex
        self.data.weights[self.rows] = self._weight * correction.weight()

    def facts(self) -> tuple[float, float, float]:
        """RMS correction [dex] of the points that have one, and which share of them met the limit, or went negative."""
        found, known = self.correction, max(1, int(self.inversion.corrected.sum()))
        assert found is not None  # it was applied
        return (found.dex.square().sum() / known).sqrt().item(), found.limited / known, found.negative / known


def _summed(part: Correction, device) -> Correction:
    """The corrections of all processes' parts together; each is 0 where another's is not."""
    whole = torch.stack([part.dex, part.sigma_dex]).to(device)
    counts = torch.tensor([part.negative, part.limited], device=device)
    dist.all_reduce(whole)
    dist.all_reduce(counts)
    return Correction(*whole.cpu(), *counts.tolist())
