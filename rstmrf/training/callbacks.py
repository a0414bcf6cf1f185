"""What Lightning's loop is asked to note beside the losses."""

import lightning as L
import torch

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
