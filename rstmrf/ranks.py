"""Loss terms of one batch that several processes share: each holds some of its points, all step as if one had them.

A term is a weighted mean. What a process adds to the mean over all points is its own mean times its share of the
weights; DDP then averages the gradients over processes, so that the share counts as many times as there are processes.
"""

import torch
import torch.distributed as dist
from torch import Tensor

from rstmrf.config import RunConfig
from rstmrf.model.direction import POLAR_LIMIT_DEG, grid_latitude, tec_gradient


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
    if config.direction_mode == "document":
        return {"data": n, "chapman": n_physics, "tec_direction": n_physics}
    height = (at[:, 2] - config.direction_peak_km) / config.direction_width_km
    near_peak = torch.exp(-(height**2)) * (at[:, 0].abs() <= POLAR_LIMIT_DEG)
    latitude = grid_latitude(batch.target_tec_map)
    area = torch.cos(torch.deg2rad(latitude)) * (latitude.abs() <= POLAR_LIMIT_DEG)
    strength = torch.linalg.vector_norm(tec_gradient(batch.target_tec_map), dim=1)
    return {"data": n, "chapman": n_physics, "tec_direction": near_peak.sum(), "head": (area * strength).sum()}
