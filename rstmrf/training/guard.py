"""Training stops where a number is not finite, and says where: the step, the term and what went into it."""

import torch
from torch import Tensor

from rstmrf.errors import InputError

REMEDY = "the last good weights stay in the run's folder; give finite inputs, or a lower learning_rate"


def check_terms(terms: dict[str, Tensor], inputs: dict[str, Tensor], step: int) -> None:
    """Raise InputError for the first term of the loss that is not finite.

    Args:
        terms: means by name; inputs: what they were computed from, by name; step: its number.
    """
    bad = [name for name, value in terms.items() if not torch.isfinite(value)]
    if bad:
        ranges = "; ".join(f"{name} {_range(value)}" for name, value in inputs.items())
        raise InputError(f"step {step}: the loss term {bad[0]!r} is not finite; its inputs: {ranges}; {REMEDY}")


def inputs_of(batch) -> dict[str, Tensor]:
    """What a `Batch` brings to the loss, by name."""
    named = dict(zip(("lat", "lon", "alt_km", "hours"), batch.coords.unbind(1), strict=True))
    named |= {"log10 Ne": batch.target_ne, "IRI": batch.background}
    named |= {"Kp": batch.unique_sw_seq[..., 0], "F10.7": batch.unique_sw_seq[..., 1]}
    return named if batch.target_tec_map is None else named | {"TEC": batch.target_tec_map}


def check_gradient(norm: Tensor, step: int) -> None:
    """Raise InputError where the norm of the gradient is not finite."""
    if not torch.isfinite(norm):
        raise InputError(f"step {step}: the gradient is not finite though the loss is; {REMEDY}")


def check_weights(module: torch.nn.Module, step: int) -> None:
    """Raise InputError for the first weight that is not finite."""
    for name, value in module.named_parameters():
        if not torch.isfinite(value).all():
            raise InputError(f"step {step}: the weights {name} are not finite; {REMEDY}")


def _range(values: Tensor) -> str:
    finite = values[torch.isfinite(values)]
    missing = "" if len(finite) == values.numel() else f" and {values.numel() - len(finite)} not finite"
    return (f"{finite.min():.4g} to {finite.max():.4g}" if len(finite) else "none finite") + missing
