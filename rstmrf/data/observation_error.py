"""The observations' own error, told apart from the field's by pairs of profiles.

The errors of two profiles have nothing in common; those of a background at neighbouring places nearly all. So the mean
product of two profiles' departures from a background, followed to a distance of zero, is the variance of the
background's error, and what a single profile's variance has above it is the observations' own (Hollingsworth and
Lönnberg 1986, doi:10.1111/j.1600-0870.1986.tb00460.x). An error that neighbouring profiles share, such as that of an
inversion beside the crests, is not seen by this: it counts as the background's.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from rstmrf.units import EARTH_RADIUS_KM

#: bands of altitude [km] in which an error is told, and the absolute latitude [deg] that parts the tropics
BANDS_KM, TROPICS_DEG = (120.0, 200.0, 300.0, 500.0), 30.0
FARTHEST_KM, FARTHEST_HOURS = 3000.0, 3.0
LEVEL_STEP_KM, NEAR_LEVEL_KM = 20.0, 5.0
#: fewer pairs than this tell nothing; more profiles than that are not needed
FEWEST_PAIRS, MOST_PROFILES = 400, 6000
_EDGES_KM = np.array([0.0, 300.0, 600.0, 900.0, 1200.0, 1600.0, 2000.0, 2500.0, FARTHEST_KM])
_LENGTHS_KM = np.geomspace(300.0, 6000.0, 40)


class ObservationError(NamedTuple):
    """σ [dex] of observations by band of altitude and zone (tropics, elsewhere); 0 where too few pairs tell it."""

    sigma_dex: Float[np.ndarray, "band zone"]
    pairs: Int[np.ndarray, "band zone"]

    @property
    def excess_dex(self) -> Float[np.ndarray, "band zone"]:
        """What may be taken from an observed error to be left with the density's: in the lowest band, as a σ; 0 above.

        In the highest band an occultation is at its best, and what pairs tell there is structure of the field that is
        smaller than their distance, as much as an error. A model without that structure is wrong by it, so the lowest
        band counts as far as it lies above the highest. Between them nothing is taken: a model learns part of the error
        that neighbours share, so that observed errors are no larger than the density's (`studies.sigma_limits`).
        """
        excess = np.zeros_like(self.sigma_dex)
        excess[0] = np.sqrt(np.clip(self.sigma_dex[0] ** 2 - self.sigma_dex[-1] ** 2, 0.0, None))
        return excess

    @property
    def known(self) -> bool:
        """Whether any band was told."""
        return bool(self.sigma_dex.any())


def observation_error(
    coords: Float[np.ndarray, "p 4"], departures: Float[np.ndarray, " p"], profile: Int[np.ndarray, " p"], seed: int = 0
) -> ObservationError:
    """σ of observations from their departures from a background.

    Args:
        coords: lat, lon [deg], altitude [km], time [h] of points.
        departures: observed less background, log10 Ne [dex].
        profile: number of each point's profile.
        seed: of the draw, where there are more than `MOST_PROFILES`.
    """
    coords, departures, profile = (np.asarray(x) for x in (coords, departures, profile))
    chosen = _some_profiles(profile, seed)
    coords, departures, profile = coords[chosen].astype(float), departures[chosen].astype(float), profile[chosen]
    tropical = np.abs(coords[:, 0]) < TROPICS_DEG
    shape = len(BANDS_KM) - 1, 2
    sigma, pairs = np.zeros(shape), np.zeros(shape, int)
    for band, (low, high) in enumerate(itertools.pairwise(BANDS_KM)):
        levels = np.arange(low + LEVEL_STEP_KM / 2, high, LEVEL_STEP_KM)
        zones = [(tropical,), (~tropical,)]
        for zone, (of_zone,) in enumerate(zones):
            for within in (of_zone, np.ones_like(of_zone)):  # both zones together where one has too few pairs
                found = _of_band(coords, departures, profile, within, levels)
                if found[1] >= FEWEST_PAIRS:
                    sigma[band, zone], pairs[band, zone] = found
                    break
    return ObservationError(sigma, pairs)


def _some_profiles(profile, seed):
    numbers = np.unique(profile)
    if len(numbers) <= MOST_PROFILES:
        return np.ones(len(profile), bool)
    return np.isin(profile, np.random.default_rng(seed).choice(numbers, MOST_PROFILES, replace=False))


def _of_band(coords, departures, profile, within, levels) -> tuple[float, int]:
    """σ of the observations and how many pairs told it, from all levels of a band together."""
    products, counts = np.zeros(len(_EDGES_KM) - 1), np.zeros(len(_EDGES_KM) - 1, int)
    square, n_points = 0.0, 0
    for level in levels:
        rows = _one_a_profile(np.flatnonzero(within & (np.abs(coords[:, 2] - level) <= NEAR_LEVEL_KM)), profile)
        if len(rows) < 2:
            continue
        values = departures[rows] - departures[rows].mean()
        square, n_points = square + (values**2).sum(), n_points + len(rows)
        first, second, km = _near_pairs(coords[rows])
        bin_of = np.digitize(km, _EDGES_KM) - 1
        product = values[first] * values[second]
        products += np.bincount(bin_of, product, len(products))
        counts += np.bincount(bin_of, minlength=len(counts))
    if counts.sum() < FEWEST_PAIRS:
        return 0.0, int(counts.sum())
    shared = _at_zero_distance(products, counts)
    return float(np.sqrt(max(square / n_points - shared, 0.0))), int(counts.sum())


def _one_a_profile(rows, profile):
    return rows[np.unique(profile[rows], return_index=True)[1]]


def _near_pairs(coords):
    """Pairs of points closer than `FARTHEST_KM` and `FARTHEST_HOURS`, and their distance [km]."""
    lat, lon = np.deg2rad(coords[:, 0]), np.deg2rad(coords[:, 1])
    place = EARTH_RADIUS_KM * np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    scaled = np.column_stack([place / FARTHEST_KM, coords[:, 3] / FARTHEST_HOURS])
    first, second = cKDTree(scaled).query_pairs(1.0, p=np.inf, output_type="ndarray").T
    km = np.linalg.norm(place[first] - place[second], axis=1)
    near = km < FARTHEST_KM
    return first[near], second[near], km[near]


def _at_zero_distance(products, counts) -> float:
    """The Gaussian of distance that fits the mean products best, weighted by their number: its value at zero."""
    there = counts > 0
    weight, km = counts[there], ((_EDGES_KM[1:] + _EDGES_KM[:-1]) / 2)[there]
    mean = products[there] / weight
    shape = np.exp(-((km / _LENGTHS_KM[:, None]) ** 2) / 2)
    height = np.clip((weight * mean * shape).sum(1) / (weight * shape**2).sum(1), 0.0, None)
    misfit = (weight * (mean - height[:, None] * shape) ** 2).sum(1)
    return float(height[misfit.argmin()])
