"""Values of a field as named variables."""

import numpy as np

from rstmrf.predict.cf import INTERVAL_SIGMAS, SLOPES
from rstmrf.predict.field import Values
from rstmrf.units import ne_from_log10

_M3000 = {"iri": "foF2 times the M(3000)F2 of IRI", "shimazaki": "foF2 times 1490 / (hmF2 + 176), Shimazaki 1955"}


def density_values(values: Values) -> dict[str, np.ndarray]:
    """Variables of density by name, in the shape of the values."""
    iri, fused = values.iri.numpy(), values.fused.numpy()
    found = {
        "ne_m3": ne_from_log10(fused),
        "ne_iri_m3": ne_from_log10(iri),
        "log10_ne_m3": fused,
        "residual_dex": fused - iri,
    }
    if values.sigma_dex is not None:
        sigma = values.sigma_dex.numpy()
        found["sigma_dex"] = sigma
        found["ne_low_m3"] = ne_from_log10(fused - INTERVAL_SIGMAS * sigma)
        found["ne_high_m3"] = ne_from_log10(fused + INTERVAL_SIGMAS * sigma)
    if values.slopes_per_km is not None:
        found |= dict(zip(SLOPES, values.slopes_per_km.numpy(), strict=True))
    return found


def layer_notes(vtec_km, m3000: str) -> dict[str, dict[str, str]]:
    """What the variables of whole profiles say of how they were found."""
    peak = "root of the vertical derivative of the model's smooth profile between 150 and 600 km"
    return {
        "nm_f2_m3": {"comment": peak},
        "hm_f2_km": {"comment": peak},
        "muf3000_f2_mhz": {"comment": _M3000[m3000]},
        "vtec_tecu": {"comment": f"from {vtec_km[0]:g} to {vtec_km[1]:g} km"},
    }
