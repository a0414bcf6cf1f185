"""Observations taken for the inversions they are, by fixed point: what inversion makes of the model leaves its targets.

Once before training, through IRI alone, or after a warm-up, and again every few epochs, the field is put through the
observation operator of each training profile (`rstmrf.data.inversion`). The difference between inverted and own density
is taken off the profile's targets, within a trust region, and a point whose correction is uncertain weighs less.
"""

import time

import lightning as L
import torch
import torch.distributed as dist

from rstmrf.config import RunConfig
from rstmrf.data.curtains import residual_of
from rstmrf.data.inversion import Correction, Inversion
from rstmrf.data.splits import TRAIN

NOTED = ("inversion_s", "inversion_rms_dex", "inversion_limited", "inversion_negative")


class InversionTargets(L.Callback):
    """Takes the correction off the training points' targets, in place, and weighs them by what it cannot know.

    The first pass at epoch 0 sees IRI alone; later ones see the weights by which the epoch before was validated, the
    averaged ones where there are such. The correction stands in the checkpoint, so that a resumed run goes on as it
    would have. With several processes each does a part of the profiles.

    Args:
        data: the run's `points`, `iri`, `processor`, `split`, and the tensors `targets` and `weights`, `[P]`, which its
            batches read at each step.
        config: `inversion_from_epoch`, `inversion_every_epochs`, `inversion_limit_dex`.
    """

    def __init__(self, data, config: RunConfig):
        self.data, self.config = data, config
        self.rows = torch.as_tensor(data.split.rows(TRAIN))
        self.inversion = Inversion(data.points.select(self.rows), data.iri)
        self._raw = data.points.log10_ne_m3[self.rows]
        self.correction: Correction | None = None

    def on_fit_start(self, trainer, module):
        if self.correction is None and self._due(0):
            self._take(trainer, module, lambda coords: torch.zeros(len(coords)))

    def on_validation_epoch_start(self, trainer, module):
        if not trainer.sanity_checking and self._due(trainer.current_epoch + 1):
            self._take(trainer, module, residual_of(module.model, self.data.processor))

    def state_dict(self) -> dict:
        return {} if self.correction is None else self.correction._asdict()

    def load_state_dict(self, state: dict) -> None:
        if state:
            self._apply(Correction(**state))

    def _due(self, epoch) -> bool:
        """Whether the epoch to come begins with a new correction."""
        since = epoch - self.config.inversion_from_epoch
        return 0 <= since and since % self.config.inversion_every_epochs == 0 and epoch < self.config.epochs

    def _take(self, trainer, module, residual):
        began = time.perf_counter()
        found = self.inversion.correction(
            residual, self.config.inversion_limit_dex, trainer.global_rank, trainer.world_size
        )
        self._apply(_summed(found, module.device) if trainer.world_size > 1 else found)
        dex, known = self.correction.dex, max(1, int(self.inversion.corrected.sum()))
        values = (
            time.perf_counter() - began,
            (dex.square().sum() / known).sqrt().item(),
            self.correction.limited / known,
            self.correction.negative / known,
        )
        for logger in trainer.loggers:
            logger.log_metrics(dict(zip(NOTED, values, strict=True)), step=trainer.global_step)

    def _apply(self, correction: Correction):
        self.correction = correction
        weight = correction.weight()
        self.data.targets[self.rows] = self._raw - correction.dex
        self.data.weights[self.rows] = weight / weight.mean()  # so that the other terms keep their part of the loss


def _summed(part: Correction, device) -> Correction:
    """The corrections of all processes' parts together; each is 0 where another's is not."""
    whole = torch.stack([part.dex, part.sigma_dex]).to(device)
    counts = torch.tensor([part.negative, part.limited], device=device)
    dist.all_reduce(whole)
    dist.all_reduce(counts)
    return Correction(*whole.cpu(), *counts.tolist())
