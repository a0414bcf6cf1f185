"""What a term of the loss is: a weighted sum and its weight, which processes that share a batch add up."""

from typing import NamedTuple

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor


class Term(NamedTuple):
    """A weighted sum over points or cells, and the sum of the weights."""

    total: Tensor
    weight: Tensor

    @property
    def mean(self) -> Tensor:
        """The term itself; 0 where nothing has any weight."""
        return self.total / self.weight.clamp(min=1e-12)


def shared_terms(terms: dict[str, Term]) -> dict[str, Term]:
    """Terms of this process's points with the weights of all processes, so that DDP's mean is the term of all points.

    DDP averages gradients over processes: each process's sum counts as many times as there are processes. One process
    alone gets its terms back.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return terms
    of_all = torch.stack([term.weight.detach() for term in terms.values()])
    dist.all_reduce(of_all)
    return {
        name: Term(term.total * dist.get_world_size(), weight)
        for (name, term), weight in zip(terms.items(), of_all, strict=True)
    }


def point_term(cost: Float[Tensor, " b"], weight: Float[Tensor, " b"] | None = None) -> Term:
    """A cost at each point, summed with weights, or all alike."""
    if weight is None:
        return Term(cost.sum(), cost.new_tensor(float(len(cost))))
    return Term((weight * cost).sum(), weight.sum())
