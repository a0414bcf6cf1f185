"""PyIRI's continuous electron-density profile as plain torch operations, differentiable in altitude and parameters.

The formulae are those of IRI and NeQuick as PyIRI arranges them (Forsythe et al. 2024, doi:10.1029/2023SW003739;
Bilitza et al. 2022, doi:10.1029/2022RG000792; Nava et al. 2008, doi:10.1016/j.jastp.2008.01.015). One thing differs:
PyIRI divides the probability of an F1 layer by its largest value within the call, so that its answer depends on which
other points were asked for; here the divisor is the value under the Sun, which a global map contains.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from rstmrf.units import NE_PER_MHZ2

HM_E_KM = 110.0
B_E_TOP_KM, B_E_BOTTOM_KM = 7.0, 5.0
F1_PROBABILITY_THRESHOLD = 0.1
DEG = math.pi / 180.0


class Layers(NamedTuple):
    """What a vertical profile needs, each `[N]`: peak densities [m⁻³], peak heights and thicknesses [km]."""

    nm_f2: Tensor
    hm_f2: Tensor
    b0: Tensor
    b1: Tensor
    b_top: Tensor
    nm_f1: Tensor
    hm_f1: Tensor
    b_f1: Tensor
    nm_e: Tensor


def r12_from_f107(f107: Tensor) -> Tensor:
    """Sunspot index R12 from F10.7 [sfu], as in IRI-2020."""
    a, b = 8.9e-4, 0.728
    return (-b + torch.sqrt(b * b - 4 * a * (63.75 - f107))) / (2 * a)


def critical_frequency_e(cos_zenith: Tensor, lat: Tensor, season: Tensor, f107: Tensor) -> Tensor:
    """FoE [MHz] by NeQuick, from cos(solar zenith angle), latitude [deg], season (−1, 0, 1) and F10.7 [sfu]."""
    zenith_deg = torch.acos(cos_zenith.clamp(-1 + 1e-6, 1 - 1e-6)) / DEG
    night = torch.sigmoid(12.0 * (zenith_deg - 86.23292796211615))
    # 90° minus the effective zenith angle: its sine stays exact where the cosine of a number near 90° would not.
    elevation_deg = night * 0.24 * torch.exp(20.0 - 0.2 * zenith_deg) + (1 - night) * (90.0 - zenith_deg)
    sine = torch.sin(elevation_deg * DEG).clamp(min=1e-12)
    lean = torch.exp(0.3 * DEG * lat)
    seasonal = season * (lean - 1.0) / (lean + 1.0)
    return torch.sqrt(0.49 + (1.112 - 0.019 * seasonal) ** 2 * torch.sqrt(f107) * sine**0.6)


def layers(fo_f2, hm_f2, b0, b1, m3000, fo_e, cos_zenith, r12) -> Layers:
    """Derive the layers' peaks and thicknesses, each `[N]`, from the maps' parameters and the Sun's height."""
    fo_f2 = fo_f2.clamp(min=0.01)  # extrapolation to high solar activity can fall below zero
    nm_f2 = NE_PER_MHZ2 * fo_f2**2
    gradient = 0.01 * torch.exp(-3.467 + 1.714 * torch.log(fo_f2) + 2.02 * torch.log(m3000))
    b_bottom = 3.85e-12 * nm_f2 / gradient
    k = 3.22 - 0.0538 * fo_f2 - 0.00664 * hm_f2 + 0.113 * hm_f2 / b_bottom + 0.00257 * r12
    x = (k * b_bottom - 150.0) / 100.0
    b_top = (100.0 * x + 150.0) / (0.041163 * x**2 - 0.183981 * x + 1.424472)
    b_top = torch.where(b_top > 0, b_top, torch.full_like(b_top, 10.0))

    hm_f1 = (hm_f2 - b0).clamp(min=180.0)
    probability = ((1 + cos_zenith) / 2).clamp(min=0.0) ** 2.36
    share = 2 * ((probability - F1_PROBABILITY_THRESHOLD) / (1 - F1_PROBABILITY_THRESHOLD)).clamp(0.0, 0.5)
    b_f1 = (0.75 * (hm_f1 - HM_E_KM) * share).clamp(min=1e-3)
    nm_f1 = _bottom_f2(nm_f2, hm_f2, b0, b1, hm_f1)[0] * _step(hm_f1, *_rise_shape(hm_f2), hm_f2)[0]
    return Layers(nm_f2, hm_f2, b0, b1, b_top, nm_f1.clamp(min=1.0), hm_f1, b_f1, NE_PER_MHZ2 * fo_e**2)


def log10_density(p: Layers, alt_km: Tensor) -> Tensor:
    """Log10 of electron density [m⁻³] at altitudes [km], `[N]`; continuous, with kinks at the layers' joins."""
    return torch.log10(_density(p, alt_km, order=0)[0].clamp(min=1.0))


def log10_density_jet(p: Layers, alt_km: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log10 density with its first [1/km] and second [1/km²] derivative in altitude, each `[N]`."""
    value, first, second = _density(p, alt_km, order=2)
    value = value.clamp(min=1.0)
    relative = first / value
    return torch.log10(value), relative / math.log(10), (second / value - relative**2) / math.log(10)


# From here on a layer is its value followed, where `order` is 2, by its first and second altitude derivative.


def _density(p: Layers, alt_km, order) -> tuple[Tensor, ...]:
    rise_f2 = _step(alt_km, *_rise_shape(p.hm_f2), p.hm_f2, order)
    step_down = _step(alt_km, *_fall_shape(p.hm_f2), p.hm_f2, order)
    fall = (1 - step_down[0], *(-x for x in step_down[1:]))
    bottom = _product(_bottom_f2(p.nm_f2, p.hm_f2, p.b0, p.b1, alt_km, order), rise_f2)
    e_top = _product(_epstein(p.nm_e, HM_E_KM, B_E_TOP_KM, alt_km, order), fall)
    f1 = _product(
        _epstein(p.nm_f1, p.hm_f1, p.b_f1, alt_km, order), _step(alt_km, *_rise_shape(p.hm_f1), p.hm_f1, order)
    )
    between = tuple(x + y for x, y in zip(bottom, e_top, strict=True))
    ledge = (alt_km < p.hm_f1) & (f1[0] > between[0])
    between = tuple(torch.where(ledge, (x + y) / 2, x) for x, y in zip(between, f1, strict=True))
    top = _top_f2(p, alt_km, order)
    e_bottom = _epstein(p.nm_e, HM_E_KM, B_E_BOTTOM_KM, alt_km, order)
    above_peak, above_e = alt_km >= p.hm_f2, alt_km >= HM_E_KM
    return tuple(
        torch.where(above_peak, t, torch.where(above_e, m, b)) for t, m, b in zip(top, between, e_bottom, strict=True)
    )


def _top_f2(p: Layers, alt_km, order):
    above = (alt_km - p.hm_f2).clamp(min=0.0)
    g, r = 0.125, 100.0
    numerator, denominator = above * (r * p.b_top + g * above), p.b_top * (r * p.b_top + g * (1 + r) * above)
    z = numerator / denominator
    if order == 0:
        return (4 * p.nm_f2 * _bell(z, 0)[0],)
    d_denominator = p.b_top * (g * (1 + r))
    dz = (r * p.b_top + 2 * g * above - z * d_denominator) / denominator
    d2z = (2 * g - 2 * dz * d_denominator) / denominator
    bell, slope, curve = _bell(z, 2)
    return tuple(4 * p.nm_f2 * x for x in (bell, slope * dz, curve * dz**2 + slope * d2z))


def _bottom_f2(nm_f2, hm_f2, b0, b1, alt_km, order=0):
    # Tiny where the point lies above the peak: that branch is not used, but must not carry NaN into a derivative.
    x = ((hm_f2 - alt_km) / b0).clamp(1e-6, 40.0)
    power = (x**b1).clamp(max=80.0)
    value = nm_f2 * torch.exp(-power) / torch.cosh(x)
    if order == 0:
        return (value,)
    tanh = torch.tanh(x)
    slope = (b1 * power / x + tanh) / b0
    curve = -(b1 * (b1 - 1) * power / x**2 + 1 - tanh**2) / b0**2
    return value, value * slope, value * (curve + slope**2)


def _epstein(peak, hm, thickness, alt_km, order):
    bell = _bell((alt_km - hm) / thickness, order)
    return tuple(4 * peak * x / thickness**n for n, x in enumerate(bell))


def _bell(z: Tensor, order) -> tuple[Tensor, ...]:
    """s(1 − s) of the logistic s, and its derivatives in z."""
    half = torch.sigmoid(z.clamp(-60.0, 60.0))
    bell = half * (1 - half)
    return (bell, bell * (1 - 2 * half), bell * (1 - 6 * bell)) if order else (bell,)


def _rise_shape(hm):
    width = 0.1 * (hm - HM_E_KM)
    return HM_E_KM + width, width


def _fall_shape(hm_f2):
    width = 0.2 * (hm_f2 - HM_E_KM)
    return hm_f2 - width, width


def _step(alt_km, centre, width, hm, order=0):
    """A logistic step scaled to be 0 at the E peak and 1 at the peak `hm` above it."""
    at_e, at_peak = torch.sigmoid((HM_E_KM - centre) / width), torch.sigmoid((hm - centre) / width)
    at = torch.sigmoid((alt_km - centre) / width)
    span = at_peak - at_e
    if order == 0:
        return ((at - at_e) / span,)
    slope = at * (1 - at) / (span * width)
    return (at - at_e) / span, slope, slope * (1 - 2 * at) / width


def _product(f, g):
    if len(f) == 1:
        return (f[0] * g[0],)
    return f[0] * g[0], f[1] * g[0] + f[0] * g[1], f[2] * g[0] + 2 * f[1] * g[1] + f[0] * g[2]
