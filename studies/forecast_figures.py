"""Figures of forecasts and of storms, on the simulated months."""

import cartopy.crs as ccrs
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cmcrameri import cm
from jaxtyping import Float
from matplotlib.figure import Figure

from rstmrf.background.dip import dip_latitude
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.figures.plots import IRI, MODEL, world_axes
from rstmrf.simulate import month

MAY = 11  # days from the start of the period of storms to the last of April
LAT, LON = np.arange(-87.5, 88, 2.5), np.arange(-180.0, 181, 5)


def hour_of(day: int, hour: int) -> int:
    """Hours since the start of the period of storms, of an hour UT of a day of May 2024."""
    return 24 * (MAY + day) + hour


def kp_known(until_hour: float) -> Float[np.ndarray, " h"]:
    """Kp of each hour of the period of storms, as a forecast has it that knows an hour to its end and nothing after."""
    indices, start = month.indices(month.STORMS), month.STORMS.start
    windows = SlidingWindowBatchProcessor(None, indices, start=start, known_until=float(until_hour))
    return windows.sw[-windows.first_hour :, 0].numpy()[: month.N_HOURS]


def kp_of_may(kp, origins: list[tuple[int, int]]) -> Figure:
    """Measured Kp, and what forecasts from some days and hours of May 2024 take for it."""
    day = np.arange(month.N_HOURS) / 24 - MAY
    fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    ax.step(day, kp, where="post", color="0.2", lw=0.9, label="measured")
    for (of_may, hour), colour in zip(origins, (IRI, MODEL, "#e08214"), strict=False):
        first = hour_of(of_may, hour)
        later = slice(first, first + 96)
        label = f"known at {hour + 1:02d} UT, {of_may} May"
        ax.plot(day[later], kp_known(first)[later], color=colour, lw=2, label=label)
    ax.set(xlabel="day of May 2024 (UT)", ylabel="Kp", xlim=(7, 19), ylim=(0, 9.3))
    fig.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    return fig


def errors_by_day(errors: pd.DataFrame) -> Figure:
    """RMSE [dex] of predictions by the number of days ahead."""
    fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    styles = {"IRI": (IRI, "o"), "persistence": ("0.7", "^"), "mean residuals": ("0.4", "s"), "R-STMRF": (MODEL, "D")}
    for name, (colour, marker) in styles.items():
        ax.plot(errors.index, errors[name], marker=marker, color=colour, label=name)
    ax.set(xlabel="days after the last one observed", ylabel="RMSE against the truth (dex)", ylim=(0, None))
    fig.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=4)
    return fig


def storm_dex(hour: float) -> Float[np.ndarray, "lat lon"]:
    """What the simulated storm adds to log10 Ne [dex] of the F region, on the grid of `LAT` and `LON`."""
    lat, lon = (x.ravel() for x in np.meshgrid(LAT, LON, indexing="ij"))
    weather = month.weather(month=month.STORMS)
    found = weather.storm_dex(lat, lon, np.full(lat.size, float(hour)), dip_latitude(lat, lon, 2024))
    return found.reshape(LAT.size, LON.size)


def storm_maps(times: list[tuple[int, int]]) -> Figure:
    """`storm_dex` at some days and hours of May 2024."""
    fig = plt.figure(figsize=(7, 3.2 * len(times)), layout="constrained")
    for k, (day, hour) in enumerate(times, start=1):
        ax = world_axes(fig, (len(times), 1, k), f"{day} May 2024, {hour:02d} UT")
        values, style = storm_dex(hour_of(day, hour)), {"cmap": cm.vik, "vmin": -0.6, "vmax": 0.6}
        mesh = ax.pcolormesh(LON, LAT, values, transform=ccrs.PlateCarree(), **style)
    fig.colorbar(mesh, ax=fig.axes, label="added to log$_{10}$ Ne by the storm (dex)", shrink=0.7)
    return fig
