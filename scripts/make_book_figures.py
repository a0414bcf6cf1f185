"""Draw the picture of the README and the landing page: python scripts/make_book_figures.py.

It needs the packaged sample only, trains nothing, and takes seconds.
"""

from pathlib import Path

import cartopy.crs as ccrs
import matplotlib.pyplot as plt
import numpy as np
import torch
import xarray as xr
from cmcrameri import cm
from PIL import Image

from rstmrf.figures.plots import world_axes
from rstmrf.globe import POLAR_LIMIT_DEG, tec_gradient
from rstmrf.readers import sample
from rstmrf.readers.tec import downsample

HOUR = np.datetime64("2019-04-25T20", "ns")
PICTURE = Path(__file__).resolve().parents[1] / "book" / "figures" / "sample.png"
WEAKEST_TECU_PER_KM = 0.002  # below it the map is flat, and its direction says nothing


def draw(tec: xr.Dataset, observations: xr.Dataset) -> plt.Figure:
    """TEC at one hour, unit arrows along its gradient, and the tangent points seen in the three hours around it."""
    fig = plt.figure(figsize=(9, 4.4), layout="constrained")
    ax = world_axes(fig, title=f"{np.datetime_as_string(HOUR, 'm').replace('T', ' ')} UT")
    at = {"transform": ccrs.PlateCarree()}
    mesh = ax.pcolormesh(tec["lon"], tec["lat"], tec["vtec_tecu"].sel(time=HOUR), cmap=cm.batlow, vmin=0, vmax=45, **at)
    fig.colorbar(mesh, ax=ax, label="vertical TEC (TECU)", shrink=0.85, pad=0.02)
    lon, lat, east, north = arrows(tec)
    ax.quiver(lon, lat, east, north, color="white", scale=38, width=0.0022, zorder=3, **at)
    near = np.abs(observations["time"] - HOUR) <= np.timedelta64(90, "m")
    seen = observations.isel(point=np.flatnonzero(near))
    ax.scatter(seen["lon"], seen["lat"], s=2.5, color="#ff5555", zorder=4, **at)
    return fig


def arrows(tec: xr.Dataset):
    """Places [deg] and unit vectors (east, north) of the gradient on a thinned grid, where it is not weak."""
    small = downsample(tec, 10).sel(time=HOUR)
    maps = torch.from_numpy(small["vtec_tecu"].values.copy())[None, None]
    east, north = tec_gradient(maps)[0].numpy()
    strength = np.hypot(east, north)
    lon, lat = np.meshgrid(small["lon"], small["lat"])
    shown = (strength > WEAKEST_TECU_PER_KM) & (np.abs(lat) < POLAR_LIMIT_DEG - 10) & (lon < 180)
    return lon[shown], lat[shown], east[shown] / strength[shown], north[shown] / strength[shown]


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    draw(sample.tec(), sample.observations()).savefig(PICTURE, dpi=130)
    Image.open(PICTURE).convert("RGB").quantize(256).save(PICTURE, optimize=True)  # a third of the size
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1e3:.0f} kB")
