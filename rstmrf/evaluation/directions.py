"""How well directions agree: of the head with observed TEC gradients, and of density with them, at any altitude."""

import numpy as np
import pandas as pd
import torch
import xarray as xr
from jaxtyping import Int
from torch import Tensor

from rstmrf.data.batch import PointSet, attach_background
from rstmrf.data.collocation import CollocationPool
from rstmrf.data.run_data import RunData
from rstmrf.errors import InputError
from rstmrf.globe import POLAR_LIMIT_DEG, cosine, grid_latitude, sample_maps, tec_gradient, turned_with_sun
from rstmrf.model import jets
from rstmrf.model.whole import WITH_DERIVATIVES
from rstmrf.units import local_time_hours

ALTITUDES_KM = (120.0, 200.0, 250.0, 300.0, 350.0, 400.0, 500.0)
LATITUDES = {"|lat| < 30°": (0.0, 30.0), "30–60°": (30.0, 60.0), "> 60°": (60.0, POLAR_LIMIT_DEG)}
LOCAL_TIMES = {"0–6 LT": (0.0, 6.0), "6–12 LT": (6.0, 12.0), "12–18 LT": (12.0, 18.0), "18–24 LT": (18.0, 24.0)}
_WINDOWS = 16


@torch.no_grad()
def direction_scores(model, data: RunData, hours: Int[np.ndarray, " n"], seed=0) -> pd.DataFrame:
    """Mean cosine to the gradient of observed TEC at whole hours since start, over area, where it is above its median.

    Rows are cells (all, bands of latitude, quarters of local time), columns the model's head, persistence of the map
    `lead_hours` before, the same map turned with the Sun, and the head against maps of other hours, for control.

    Raises:
        InputError: a run without TEC maps.
    """
    processor, tec = _with_maps(data)
    row = torch.as_tensor(np.asarray(hours), dtype=torch.long) - processor.first_hour
    target, last = tec[row], tec[row - processor.lead_hours]
    head = torch.cat([model.direction_field(processor.map_windows(some)) for some in row.split(_WINDOWS)])
    observed = tec_gradient(target)
    others = torch.randperm(len(row), generator=torch.Generator().manual_seed(seed))
    found = {
        "head": cosine(head, observed),
        "persistence": cosine(tec_gradient(last), observed),
        "Sun-fixed persistence": cosine(tec_gradient(turned_with_sun(last, processor.lead_hours)), observed),
        "head, other hours": cosine(head, observed[others]),
    }
    strength = torch.hypot(observed[:, 0], observed[:, 1])[..., :-1]
    lat = grid_latitude(target)
    inside = (lat.abs() <= POLAR_LIMIT_DEG).expand_as(strength)
    weight = torch.cos(torch.deg2rad(lat)) * inside * (strength > strength[inside].median())
    lon = torch.linspace(-180, 180, target.shape[-1])[:-1]
    local_time = local_time_hours(torch.as_tensor(np.asarray(hours))[:, None, None], lon).expand_as(strength)
    cells = {"all": torch.ones_like(strength, dtype=torch.bool)}
    cells |= {name: ((lat.abs() >= a) & (lat.abs() < b)).expand_as(strength) for name, (a, b) in LATITUDES.items()}
    cells |= {name: (local_time >= a) & (local_time < b) for name, (a, b) in LOCAL_TIMES.items()}
    table = {
        cell: {name: _mean(values[..., :-1], weight * at) for name, values in found.items()}
        for cell, at in cells.items()
    }
    return pd.DataFrame.from_dict(table, orient="index")


@torch.no_grad()
def density_cosines(
    models: dict, data: RunData, hours: Int[np.ndarray, " n"], altitudes_km=ALTITUDES_KM, seed=0
) -> pd.DataFrame:
    """Mean cosine between ∇ₕ log10 Ne and the gradient of the run's TEC maps, a row for each altitude.

    Columns are IRI and each of `models` by name; points lie evenly over the globe in the `hours`, those with the weaker
    half of the TEC gradients and those beyond 85° of latitude are left out.

    Raises:
        InputError: a run without TEC maps.
    """
    (processor, _), rows = _with_maps(data), {}
    for alt_km in altitudes_km:
        points = CollocationPool(hours, data.iri, altitude="fixed", peak_km=alt_km, seed=seed).points
        found, weights = {name: [] for name in ("IRI", *models)}, []
        for chosen in torch.arange(len(points)).split(1 << 14):
            batch = processor(points.select(chosen))
            lat, lon = batch.coords[:, 0], batch.coords[:, 1]
            direction = sample_maps(tec_gradient(batch.target_tec_map), batch.tec_indices, lat, lon)
            weights.append(torch.hypot(*direction.unbind(1)) * (lat.abs() <= POLAR_LIMIT_DEG))
            own = batch.background[:, jets.EAST : jets.ALT]
            found["IRI"].append(cosine(own, direction))
            for name, model in models.items():
                jet = model.residual(batch, batch, WITH_DERIVATIVES)
                found[name].append(cosine(own + jet[jets.EAST : jets.ALT].T, direction))
        strength = torch.cat(weights)
        strong = (strength > strength[strength > 0].median()).float()
        rows[alt_km] = {name: _mean(torch.cat(values), strong) for name, values in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("alt_km")


@torch.no_grad()
def direction_maps(models: dict, data: RunData, hours: Int[np.ndarray, " n"], alt_km: float = 350.0) -> xr.Dataset:
    """Gradients of TEC and of log10 Ne at one altitude, at whole hours since start, on the grid of the run's maps.

    Args:
        models: `RSTMRF` by name; IRI comes first of itself.

    Returns:
        (time, lat, lon): `vtec_tecu`, `tec_east`, `tec_north` [TECU/km], `local_time_h`; `weight`, the area where TEC's
        gradient is above its median of the hour, 0 elsewhere, beyond 85° and in the seam's second column.
        (source, time, lat, lon): `log10_ne_m3`, `ne_east`, `ne_north` [1/km], `cosine` and `angle_deg` to TEC's.

    Raises:
        InputError: an hour without a whole window of maps and indices; the first one is named. A run without TEC maps.
    """
    hours = np.atleast_1d(np.asarray(hours))
    usable = _with_maps(data)[0].usable(torch.from_numpy(hours).float())
    if not usable.all():
        raise InputError(f"hour {hours[int((~usable).nonzero()[0])]} has no whole window of maps and indices")
    maps = [_at_hour(models, data, int(hour), alt_km) for hour in hours]
    ds = xr.concat(maps, "time")
    for name, unit in {"vtec_tecu": "TECU", "angle_deg": "degree", "local_time_h": "h", "log10_ne_m3": "dex"}.items():
        ds[name].attrs["units"] = unit
    return ds.transpose("source", "time", "lat", "lon").assign_attrs(alt_km=alt_km)


def _with_maps(data: RunData):
    """The run's windows and its maps; InputError where it has none."""
    if data.processor.tec is None:
        raise InputError("directions are scored against TEC maps, and this run has none; give maps")
    return data.processor, data.processor.tec


def _at_hour(models, data, hour, alt_km):
    processor = data.processor
    lat, lon = (torch.from_numpy(np.asarray(x, np.float32)) for x in (processor.lat, processor.lon))
    shape = (len(lat), len(lon))
    place = [x.flatten() for x in torch.meshgrid(lat, lon, indexing="ij")]
    time, height = torch.full_like(place[0], hour), torch.full_like(place[0], alt_km)
    background = attach_background(*place, height, time.double(), data.iri)
    coords = torch.stack([*place, height, time], dim=1)
    no_profile = torch.full(height.shape, -1)
    batch = processor(PointSet(coords, height, background, no_profile, data.points.start))
    tec = tec_gradient(batch.target_tec_map)[0].flatten(1).T
    found = {"IRI": background}
    for name, model in models.items():
        jet = model.residual(batch, batch, WITH_DERIVATIVES)
        found[name] = background + jet.T
    strength, inside = tec.norm(dim=1), (place[0].abs() <= POLAR_LIMIT_DEG) & (place[1] < 180.0)
    area = torch.cos(torch.deg2rad(place[0])) * inside * (strength > strength[inside].median())
    fields = {"vtec_tecu": batch.target_tec_map, "tec_east": tec[:, 0], "tec_north": tec[:, 1], "weight": area}
    fields["local_time_h"] = local_time_hours(time, place[1])
    of_source = {"log10_ne_m3": [], "ne_east": [], "ne_north": [], "cosine": []}
    for jet in found.values():
        agreement = cosine(jet[:, jets.EAST : jets.ALT], tec).clamp(-1, 1)
        members = jet[:, jets.VALUE], jet[:, jets.EAST], jet[:, jets.NORTH], agreement
        for values, member in zip(of_source.values(), members, strict=True):
            values.append(member.view(shape).numpy())
    dims, coords = ("lat", "lon"), {"lat": lat.numpy(), "lon": lon.numpy(), "source": list(found)}
    ds = xr.Dataset({k: (dims, v.reshape(shape).numpy()) for k, v in fields.items()}, coords)
    ds = ds.assign({k: (("source", *dims), np.stack(v)) for k, v in of_source.items()})
    ds["angle_deg"] = np.rad2deg(np.arccos(ds["cosine"]))
    return ds.expand_dims(time=[data.points.start + np.timedelta64(hour, "h")])


def _mean(values: Tensor, weight: Tensor) -> float:
    return float((values * weight).sum() / weight.sum().clamp(min=1e-12))
