"""What a whole profile says: the F2 peak, the MUF over 3000 km, and vertical TEC.

The peak is that of the model's own smooth profile: the root of ∂Ne/∂h, which jets give without differences. An observed
profile is noisy, and has its peak by a parabola (`rstmrf.metrics.peaks`).
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.background.iri import ALT_RANGE_KM
from rstmrf.background.vtec import M2_PER_TECU, M_PER_KM, gauss_levels
from rstmrf.errors import InputError
from rstmrf.model.coordinates import TRAINED_KM
from rstmrf.predict.field import DensityField
from rstmrf.units import critical_frequency_mhz, ne_from_log10

#: where observations teach the model [km]; below and above it is IRI with a residual that nothing holds
#: levels among which the highest density is sought before its root is [km]
PEAK_LEVELS_KM = np.arange(150.0, 601.0, 10.0)
_PRECISION_KM, _MOST_STEPS = 2e-3, 40


def f2_peak(field: DensityField, lat, lon, hour: float) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Log10 NmF2 [m⁻³] and hmF2 [km] of places `[C]` at one time [h since start].

    Both are NaN where density has no peak between 150 and 600 km.
    """
    values = field.columns(lat, lon, PEAK_LEVELS_KM, hour).fused
    levels = torch.from_numpy(PEAK_LEVELS_KM).float()
    top = values.argmax(1)
    inside = (top > 0) & (top < len(levels) - 1)
    top = top.clamp(1, len(levels) - 2)
    profile = field.vertical(lat, lon, hour)
    height = root_of_slope(profile, levels[top - 1], levels[top + 1], levels[top])
    nothing = torch.tensor(torch.nan)
    return torch.where(inside, profile(height)[0], nothing), torch.where(inside, height, nothing)


def root_of_slope(profile, low: Float[Tensor, " c"], high: Float[Tensor, " c"], at: Float[Tensor, " c"]):
    """Heights `[C]` [km] where a profile is highest between `low` and `high`, from a first guess `at`.

    Newton's steps on the slope; where one leaves the interval that still holds the root, or is not half as long as the
    step before, the interval is halved instead: IRI's slope and curvature jump at its own peak.

    Args:
        profile: from altitudes `[C]` to value, slope [1/km] and curvature [1/km²], `[3, C]`.
    """
    before = high - low
    for _ in range(_MOST_STEPS):
        _, slope, curvature = profile(at)
        low, high = torch.where(slope > 0, at, low), torch.where(slope > 0, high, at)
        newton = at - slope / curvature
        safe = (curvature < 0) & (newton > low) & (newton < high) & ((newton - at).abs() <= before / 2)
        following = torch.where(safe, newton, (low + high) / 2)
        before, at = (following - at).abs(), following
        if before.max() < _PRECISION_KM:
            break
    return at


def layer_values(
    field: DensityField, lat, lon, hour: float, vtec_km=TRAINED_KM, m3000: str = "iri"
) -> dict[str, Float[np.ndarray, " c"]]:
    """NmF2, hmF2, foF2, MUF(3000)F2 and vertical TEC by name, of places `[C]` at one time.

    Args:
        vtec_km: altitudes between which density is summed.
        m3000: "iri": IRI's M(3000)F2; "shimazaki": from the model's own hmF2, 1490 / (hmF2 + 176) (Shimazaki 1955).

    Raises:
        InputError: altitudes of TEC that do not ascend, or lie outside the background's.
    """
    check_m3000(m3000)
    log10_nm, height = (x.numpy() for x in f2_peak(field, lat, lon, hour))
    frequency = critical_frequency_mhz(ne_from_log10(log10_nm))
    factor = field.m3000(lat, lon, hour).numpy() if m3000 == "iri" else 1490.0 / (height + 176.0)
    return {
        "nm_f2_m3": ne_from_log10(log10_nm),
        "hm_f2_km": height,
        "fo_f2_mhz": frequency,
        "muf3000_f2_mhz": frequency * factor,
        "vtec_tecu": vertical_tec(field, lat, lon, hour, *vtec_km),
    }


def vertical_tec(field: DensityField, lat, lon, hour: float, low_km: float, high_km: float) -> np.ndarray:
    """TEC [TECU] of places `[C]` between two altitudes, by Gauss–Legendre levels."""
    check_tec_altitudes((low_km, high_km))
    levels_km, weights_km = gauss_levels(low_km, high_km)
    density = ne_from_log10(field.columns(lat, lon, levels_km, hour).fused.double().numpy())
    return (density @ (weights_km * M_PER_KM * M2_PER_TECU)).astype(np.float32)


def check_m3000(source: str) -> None:
    if source not in ("iri", "shimazaki"):
        raise InputError(f"m3000={source!r} is not known; accepted are 'iri' and 'shimazaki'")


def check_tec_altitudes(vtec_km) -> None:
    low, high = vtec_km
    if not ALT_RANGE_KM[0] <= low < high <= ALT_RANGE_KM[1]:
        wanted = f"two that ascend within {ALT_RANGE_KM[0]:g} to {ALT_RANGE_KM[1]:g} km"
        raise InputError(f"vtec_km is {low:g} to {high:g}; accepted are {wanted}")
