"""What Lightning's loop is asked to do beside the losses: average weights, and note memory."""

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn

from rstmrf.memory import MB, resident_mb

EVERY_N_BATCHES = 10
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


def averaging(decay: float) -> WeightAveraging:
    """Weights as a running average over steps, exponential with a decay; by these a run is validated and kept.

    Each step moves the average by 1 − decay of its distance to the weights (lerp). So weights that do not learn stay
    what they are to the last bit, which decay · average + (1 − decay) · weight would not do, and a run that is resumed
    finds the directions that it had.
    """
    return WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(decay))
