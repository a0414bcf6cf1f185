"""What Abel inversion makes of a density that changes along the ray: the observation operator of occultations.

The inversion takes the ionosphere for spherically symmetric. Where density is curved along the ray, as beside the
crests of the equatorial anomaly, what belongs to the sides is ascribed to the tangent point, and the lowest levels,
seen through the whole F region, suffer most (Yue et al. 2010, doi:10.5194/angeo-28-217-2010). Both steps are done in
earnest: slant TEC along straight rays through a curtain of density, then its inversion shell by shell. Above the
highest shell the ray's TEC is taken off, as calibration with the rays above the receiver's orbit does.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from rstmrf.units import EARTH_RADIUS_KM, wrap_longitude

#: shells of the inversion [km]; above the last one the calibrated TEC of the ray is taken off
SHELLS_KM = np.concatenate([np.arange(90.0, 200.0, 10.0), np.arange(200.0, 801.0, 20.0)])
#: columns of the curtain [deg along the ray from the tangent point]
COLUMNS_DEG = np.arange(-28.0, 28.1, 3.5)
#: where the tangent point of a profile stands for all of it [km]
REFERENCE_KM = 300.0
TECU_PER_M3_KM = 1e3 / 1e16
_RAY_STEP_KM = 4.0
#: an inversion may fail altogether; beyond a factor of ten either way it is one that quality control would see
LARGEST_DEX = 1.0


@dataclass(frozen=True, eq=False)
class Curtain:
    """Nodes in the plane of the rays: `columns_deg` about the tangent point (0 among them) and `shells_km`, upwards."""

    shells_km: Float[np.ndarray, " shell"]
    columns_deg: Float[np.ndarray, " column"]

    def rays_km(self, tangent_km) -> Float[np.ndarray, "ray column shell"]:
        """How much each node counts in the slant path of rays `[ray]` [km], linear between nodes, up to the top."""
        return np.stack([self._ray_km(tangent) for tangent in np.atleast_1d(tangent_km)])

    def inverted_m3(self, curtain_m3: Float[np.ndarray, "n column shell"]) -> Float[np.ndarray, "n shell"]:
        """What Abel inversion retrieves at the shells [m⁻³] from densities at the nodes [m⁻³]; it may be negative."""
        return curtain_m3.reshape(len(curtain_m3), -1) @ self.operator.T

    def peeled_m3(self, slant_tecu: Float[np.ndarray, "n shell"], top_m3=0.0) -> Float[np.ndarray, "n shell"]:
        """Density at the shells [m⁻³] under spherical symmetry, from the slant TEC of rays that touch them.

        `top_m3` is the density of the highest shell, whose ray has no length.
        """
        slant = np.array(slant_tecu, float) / TECU_PER_M3_KM
        slant[:, -1] = top_m3
        return np.linalg.solve(self._symmetric, slant.T).T

    @cached_property
    def operator(self) -> Float[np.ndarray, "shell node"]:
        """Retrieved density at each shell from that at all nodes: slant TEC, then its inversion."""
        return np.linalg.solve(self._symmetric, self._rays.reshape(len(self._rays), -1))

    @cached_property
    def _rays(self):
        # The highest shell's ray has no length within the sphere: its density is taken as it is at the tangent point.
        top = np.zeros((1, self.columns_deg.size, self.shells_km.size))
        top[0, self.centre, -1] = 1.0
        return np.concatenate([self.rays_km(self.shells_km[:-1]), top])

    @property
    def _symmetric(self):
        return self._rays.sum(axis=1)

    @property
    def centre(self) -> int:
        """The column above the tangent point."""
        return int(np.abs(self.columns_deg).argmin())

    def _ray_km(self, tangent_km):
        lowest, top = EARTH_RADIUS_KM + tangent_km, EARTH_RADIUS_KM + self.shells_km[-1]
        reach = np.sqrt(max(top**2 - lowest**2, 0.0))
        n_steps = max(8, int(np.ceil(2 * reach / _RAY_STEP_KM)))
        along = (np.arange(n_steps) + 0.5) * (2 * reach / n_steps) - reach
        height = np.hypot(lowest, along) - EARTH_RADIUS_KM
        way = np.rad2deg(np.arctan2(along, lowest))
        weights = np.zeros((self.columns_deg.size, self.shells_km.size))
        column, right = _between(way, self.columns_deg)
        shell, above = _between(height, self.shells_km)
        for c, share_c in ((column, 1 - right), (column + 1, right)):
            for s, share_s in ((shell, 1 - above), (shell + 1, above)):
                np.add.at(weights, (c, s), share_c * share_s * (2 * reach / n_steps))
        return weights


CURTAIN = Curtain(SHELLS_KM, COLUMNS_DEG)


def inversion_error_dex(
    curtain_m3: Float[np.ndarray, "n column shell"], curtain: Curtain = CURTAIN
) -> Float[np.ndarray, "n shell"]:
    """Log10 of retrieved over own density at the shells; NaN where the retrieved one is negative.

    Args:
        curtain_m3: density [m⁻³] in the plane of the rays, at the curtain's columns and shells.
    """
    ratio = curtain.inverted_m3(curtain_m3) / curtain_m3[:, curtain.centre]
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.log10(np.where(ratio > 0, ratio, np.nan))
    return np.clip(error, -LARGEST_DEX, LARGEST_DEX)


def at_altitudes(
    at_nodes: Float[np.ndarray, "n node"],
    profile: Int[np.ndarray, " p"],
    alt_km: Float[np.ndarray, " p"],
    nodes_km: Float[np.ndarray, " node"] = SHELLS_KM,
) -> Float[np.ndarray, " p"]:
    """What is known at nodes of profiles, at altitudes [km] of some of them: linear, the ends held beyond."""
    node, above = _between(np.clip(alt_km, *nodes_km[[0, -1]]), nodes_km)
    below, over = at_nodes[profile, node], at_nodes[profile, node + 1]
    return np.where(above > 0, (1 - above) * below + above * over, below)


def curtain_places(lat, lon, azimuth_deg) -> tuple[Float[np.ndarray, "n column"], Float[np.ndarray, "n column"]]:
    """Latitude and longitude [deg] of the curtain's columns: along the great circle of `azimuth_deg` `[N]` [deg]."""
    lat, lon, azimuth = (np.deg2rad(np.asarray(x, float))[:, None] for x in (lat, lon, azimuth_deg))
    way = np.deg2rad(COLUMNS_DEG)
    sine = np.sin(lat) * np.cos(way) + np.cos(lat) * np.sin(way) * np.cos(azimuth)
    east = np.arctan2(np.sin(azimuth) * np.sin(way) * np.cos(lat), np.cos(way) - np.sin(lat) * sine)
    return np.rad2deg(np.arcsin(np.clip(sine, -1, 1))), wrap_longitude(np.rad2deg(lon + east))


def iri_curtains_m3(background, lat, lon, hours, azimuth_deg) -> Float[np.ndarray, "n column shell"]:
    """IRI's density [m⁻³] in the curtains of tangent points and azimuths [deg] at hours, each `[N]`."""
    places = curtain_places(lat, lon, azimuth_deg)
    hours = np.repeat(np.asarray(hours, float), COLUMNS_DEG.size)
    found = background.log10_density_columns(*(x.ravel() for x in places), SHELLS_KM, hours)
    return 10.0 ** found.numpy().reshape(len(lat), COLUMNS_DEG.size, SHELLS_KM.size)


def bearing_deg(lat, lon, to_lat, to_lon) -> Float[np.ndarray, " n"]:
    """Azimuth [deg east of north] at which places `[N]` see others."""
    lat, lon, to_lat, to_lon = (np.deg2rad(np.asarray(x, float)) for x in (lat, lon, to_lat, to_lon))
    east = np.sin(to_lon - lon) * np.cos(to_lat)
    north = np.cos(lat) * np.sin(to_lat) - np.sin(lat) * np.cos(to_lat) * np.cos(to_lon - lon)
    return np.rad2deg(np.arctan2(east, north))


def _between(values, nodes):
    left = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, nodes.size - 2)
    return left, (values - nodes[left]) / (nodes[left + 1] - nodes[left])
