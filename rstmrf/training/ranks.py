"""Loss terms of one batch that several processes share: each holds some of its points, all step as if one had them.

A term is a weighted mean. What a process adds to the mean over all points is its own mean times its share of the
weights; DDP then averages the gradients over processes, so that the share counts as many times as there are processes.
"""

import torch
import torch.distributed as dist
from torch import Tensor

from rstmrf.config import RunConfig
from rstmrf.globe import tec_gradient
from rstmrf.training.losses import direction_weight, head_weight


def shared_terms(terms: dict[str, Tensor], batch, config: RunConfig) -> dict[str, Tensor]:
    """Terms of this process's points, scaled so that their mean over processes is the term of all points.

    Args:
        terms: as `loss_terms` gives them; batch: the `Batch` they come from. One process alone gets them back.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return terms
    weights = term_weights(batch, config)
    own = torch.stack([weights[name] for name in terms])
    of_all = own.clone()
    dist.all_reduce(of_all)
    share = own * dist.get_world_size() / of_all.clamp(min=1e-12)
    return {name: term * share[i] for i, (name, term) in enumerate(terms.items())}


@torch.no_grad()
def term_weights(batch, config: RunConfig) -> dict[str, Tensor]:
    """What each term's mean is divided by: numbers of points, or the sums of their weights in the metric form."""
    at = batch.physics.coords
    n, n_physics = (at.new_tensor(float(len(x))) for x in (batch.coords, at))
    weights = {"data": n, "sigma": n, "chapman": n_physics, "tec_direction": direction_weight(at, config).sum()}
    if config.direction_mode == "metric":
        weights["head"] = head_weight(tec_gradient(batch.target_tec_map)).sum()
    return weights
