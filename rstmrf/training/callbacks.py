"""What Lightning's loop is asked to do beside the losses: average weights, note memory and hand freed memory back."""

import time

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn

from rstmrf.data.observation_error import observation_error
from rstmrf.data.splits import TRAIN
from rstmrf.memory import MB, resident_mb
from rstmrf.runtime import give_back_freed_memory

EVERY_N_BATCHES = 10
HAND_BACK_EVERY_S = 60.0
MEMORY_COLUMNS = ["process_mb", "cuda_mb"]


class MemoryLog(L.Callback):
    """Logs resident memory of the process [MB] every `every` batches, and what CUDA has allocated."""

    def __init__(self, every: int = EVERY_N_BATCHES):
        self.every = every

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        if batch_index % self.every or not trainer.loggers:
            return
        noted = {"process_mb": round(resident_mb(), 1)}
        if module.device.type == "cuda":
            noted["cuda_mb"] = round(torch.cuda.memory_allocated(module.device) / MB, 1)
        for logger in trainer.loggers:
            logger.log_metrics(noted, step=trainer.global_step)


class HandBack(L.Callback):
    """Hands freed memory back to the system at the end of an epoch, once a minute at most.

    Freed blocks are kept for the next step, because that is faster (`keep_freed_memory`). Over thousands of epochs they
    scatter, and the process grows although no more is in use (`studies.long_run`).
    """

    def __init__(self, every_s: float = HAND_BACK_EVERY_S):
        self.every_s, self.done_s = every_s, time.monotonic()

    def on_train_epoch_end(self, trainer, module):
        if time.monotonic() - self.done_s >= self.every_s:
            give_back_freed_memory()
            self.done_s = time.monotonic()


def averaging(decay: float) -> WeightAveraging:
    """Weights as a running average over steps, exponential with a decay; by these a run is validated and kept.

    Each step moves the average by 1 − decay of its distance to the weights (lerp). So weights that do not learn stay
    what they are to the last bit, which decay · average + (1 − decay) · weight would not do, and a run that is resumed
    finds the directions that it had.
    """
    return WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(decay))


class ObservationErrorOfPairs(L.Callback):
    """Before the first epoch, tells σ how large the observations' own error is (`observation_error`, its excess).

    It stands after what corrects the targets, for it is the error of these: of the training points, against IRI. A run
    that is resumed has it in its weights.

    Args:
        data: the run's `points`, `targets` and `split`.
    """

    def __init__(self, data):
        self.data, self.done = data, False

    def on_fit_start(self, trainer, module):
        if self.done:
            return
        rows, points = self.data.split.rows(TRAIN), self.data.points
        observed = points.log10_ne_m3 if self.data.targets is None else self.data.targets
        departures = (observed[rows] - points.background[rows, 0]).numpy()
        found = observation_error(points.coords[rows].numpy(), departures, points.profile[rows].numpy())
        module.model.spread.observation_error.copy_(torch.from_numpy(found.excess_dex))
        self.done = True

    def state_dict(self) -> dict:
        return {"done": self.done}

    def load_state_dict(self, state: dict) -> None:
        self.done = bool(state["done"])
