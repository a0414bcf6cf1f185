"""The rate of a run's steps: a linear warm-up, then a cosine to zero."""

import math

import torch


def warm_up_and_cosine(optimizer: torch.optim.Optimizer, warmup_steps: int, trainer) -> dict:
    """What Lightning asks of `configure_optimizers`: the optimizer, and its rate over the steps of a trainer."""
    steps = max(1, int(trainer.estimated_stepping_batches))
    warmup = min(warmup_steps, steps // 2)

    def rate(step):
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
