"""What needs no network: predictions that any model of the residual has to beat."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.interpolate import RegularGridInterpolator

from rstmrf.background import IriBackground, vtec
from rstmrf.data.batch import PointSet
from rstmrf.errors import InputError
from rstmrf.units import local_time_hours

#: edges of the table of mean residuals: 3 h of local time, 15° of latitude, 40 km of altitude
TABLE_STEPS = (3.0, 15.0, 40.0)
_CELL = ["local_time", "lat", "alt"]
_CHUNK = 1 << 16


class MeanResidualTable(NamedTuple):
    """Mean of observed − IRI by local time, latitude and altitude: what no network is needed for."""

    cells: pd.Series
    overall: float

    @classmethod
    def fit(cls, points: PointSet, by=tuple(_CELL)) -> "MeanResidualTable":
        """From training points; `by` names what cells are told apart by, such as ("alt",) for altitude alone."""
        residual = (points.log10_ne_m3 - points.background[:, 0]).numpy()
        frame = _cells(points).assign(residual=residual)
        return cls(frame.groupby(list(by))["residual"].mean(), float(residual.mean()))

    def predict(self, points: PointSet) -> Float[np.ndarray, " p"]:
        """Residual of log10 Ne at points `[P]`; the overall mean where training points left a cell empty."""
        cells, names = _cells(points), list(self.cells.index.names)
        index = pd.MultiIndex.from_frame(cells[names]) if len(names) > 1 else pd.Index(cells[names[0]])
        return self.cells.reindex(index).fillna(self.overall).to_numpy()


class Persistence(NamedTuple):
    """The mean residuals of the last training day before a point's own, cell by cell as in the table."""

    cells: pd.Series
    days: np.ndarray

    @classmethod
    def fit(cls, points: PointSet) -> "Persistence":
        """From training points."""
        frame = _cells(points).assign(day=_day(points))
        residual = (points.log10_ne_m3 - points.background[:, 0]).numpy()
        cells = frame.assign(residual=residual).groupby(["day", *_CELL])["residual"].mean()
        return cls(cells, np.unique(frame["day"]))

    def predict(self, points: PointSet) -> Float[np.ndarray, " p"]:
        """Residual of log10 Ne at points `[P]`; 0 where that day left the cell empty, or no day came before."""
        earlier = np.searchsorted(self.days, _day(points)) - 1
        day = np.where(earlier >= 0, self.days[np.clip(earlier, 0, None)], -1)
        index = pd.MultiIndex.from_frame(_cells(points).assign(day=day)[["day", *_CELL]])
        return self.cells.reindex(index).fillna(0.0).to_numpy()


def tec_scaled_residual(points: PointSet, iri: IriBackground, tec) -> Float[np.ndarray, " p"]:
    """Residual of log10 Ne, `[P]`, if IRI's F region is scaled so that its TEC is that of the maps.

    This uses the magnitude of TEC, which the model never sees. The ratio acts as in `vtec.scaling_weight` (not in the
    E region), and 3 TECU of plasmasphere are taken off the maps.

    Args:
        points: where; iri: the background.
        tec: `vtec_tecu` (time, lat, lon) [TECU], hourly, on a grid from pole to pole with the seam repeated; hours may
            be lacking, at which there are no points.

    Raises:
        InputError: a point at an hour of which there is no map.
    """
    lat, lon, alt_km, hours = points.coords.double().numpy().T
    wanted = _map_values(tec, lat, lon, hours, points.start) - vtec.plasmasphere_tecu(lat)
    own = np.empty(len(lat))
    for first in range(0, len(lat), _CHUNK):
        at = slice(first, first + _CHUNK)
        levels = np.broadcast_to(vtec.LEVELS_KM, (len(lat[at]), vtec.LEVELS_KM.size))
        columns = vtec.iri_columns(iri, lat[at], lon[at], hours[at], levels)
        own[at] = vtec.integrate(columns, np.zeros(len(columns)))[0]
    ratio = np.clip(wanted / own, *vtec.SCALE_LIMITS)
    return vtec.scaling_weight(alt_km) * np.log10(ratio)


def nearest_residual(train: PointSet, points: PointSet) -> Float[np.ndarray, " p"]:
    """Residual of the nearest training point, `[P]`: no science, and all that a random split asks for.

    Near is: 1° of arc as far as 10 km of altitude, or 15 min.
    """
    from scipy.spatial import cKDTree

    residual = (train.log10_ne_m3 - train.background[:, 0]).numpy()
    return residual[cKDTree(_places(train)).query(_places(points), workers=1)[1]]


def _map_values(tec, lat, lon, hours, start):
    """Maps at points, linear in latitude, longitude and time; for an hour after a map that none follows, that map."""
    held = (tec["time"].values - start) / np.timedelta64(1, "h")
    before = np.searchsorted(held, hours, side="right") - 1
    lacking = (before < 0) | (hours - held[before] > 1.0)
    if lacking.any():
        span = f"{hours[lacking].min():g} to {hours[lacking].max():g}"
        raise InputError(
            f"TEC maps hold hours {held[0]:g} to {held[-1]:g}, and none of {span} h, where {lacking.sum()} points are"
        )
    followed = np.append(np.diff(held) <= 1.0, False)
    place = (np.linspace(-most, most, tec.sizes[name]) for name, most in (("lat", 90), ("lon", 180)))
    values = tec["vtec_tecu"].transpose("time", "lat", "lon").values
    maps = RegularGridInterpolator((held, *place), values)
    return maps(np.stack([np.where(followed[before], hours, held[before]), lat, lon], axis=-1))


def _cells(points: PointSet) -> pd.DataFrame:
    lat, lon, alt_km, hours = points.coords.numpy().T
    cells = np.floor(np.stack([local_time_hours(hours, lon), lat, alt_km], axis=1) / TABLE_STEPS).astype(int)
    return pd.DataFrame(cells, columns=_CELL)


def _day(points: PointSet) -> np.ndarray:
    return np.floor(points.coords[:, 3].numpy() / 24.0).astype(int)


def _places(points: PointSet) -> np.ndarray:
    """Coordinates in which distance is that of `nearest_residual`."""
    lat, lon, alt_km, hours = points.coords.double().numpy().T
    arc = np.rad2deg(1.0)
    lat, lon = np.deg2rad(lat), np.deg2rad(lon)
    unit = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    return np.column_stack([unit * arc, alt_km / 10.0, hours * 4.0])
