"""A page to turn and slice a grid of densities: a globe at any of its altitudes, and sections along meridians.

The page holds plotly's script itself, so it opens without a network; plotly comes with the extra `show`.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.figures.products import at_time

COASTS = Path(__file__).parent / "natural_earth" / "shapefiles" / "natural_earth" / "physical" / "ne_110m_coastline.shp"
#: nodes of the globe, at most: more are not seen, and every altitude is part of the page
MOST_LAT, MOST_LON, MOST_SECTIONS = 91, 181, 24


def write_page(ds: xr.Dataset, path, *, time=None, alt_km: float = 350.0) -> Path:
    """Write a page of a grid at one time (the first): log10 Ne on a globe by altitude, and in sections by longitude.

    Raises:
        InputError: plotly is not installed, no grid, or a time that it has not.
    """
    path = Path(path)
    if "alt_km" not in ds["ne_m3"].dims:
        raise InputError(f"{path}: a track has no globe to turn; give a name that ends in .png for its picture")
    figure = _figure(at_time(ds, time), alt_km)
    figure.write_html(path, include_plotlyjs=True, config={"displaylogo": False})
    return path


def _figure(at: xr.Dataset, alt_km: float):
    try:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots
    except ImportError:
        raise InputError("a page needs plotly: pip install 'rstmrf[show]', or give a name that ends in .png") from None
    thin = {dim: slice(None, None, -(-at.sizes[dim] // most)) for dim, most in (("lat", MOST_LAT), ("lon", MOST_LON))}
    log10_ne = np.log10(at["ne_m3"].transpose("alt_km", "lat", "lon").isel(thin)).astype(float).round(2)
    log10_ne = _closed(log10_ne)
    levels, lat, lon = (log10_ne[dim].values for dim in ("alt_km", "lat", "lon"))
    first = int(np.abs(levels - alt_km).argmin())
    sections = np.unique(np.linspace(0, len(lon) - 1, MOST_SECTIONS).round().astype(int))
    figure = make_subplots(
        2, 1, specs=[[{"type": "scene"}], [{"type": "xy"}]], row_heights=[0.58, 0.42], vertical_spacing=0.17,
        subplot_titles=["electron density on the globe", "section along a meridian"],
    )  # fmt: skip
    colours = {"cmin": float(log10_ne.min()), "cmax": float(log10_ne.max()), "colorscale": "Viridis"}
    bar = {"title": "log10 Ne<br>(m⁻³)", "x": 1.0, "len": 0.5, "y": 0.72}
    x, y, z = _sphere(*np.meshgrid(lat, lon, indexing="ij"))
    unlit = {"ambient": 1, "diffuse": 0}
    globe = go.Surface(x=x, y=y, z=z, surfacecolor=log10_ne.values[first], colorbar=bar, lighting=unlit, **colours)
    figure.add_trace(globe, 1, 1)
    x, y, z = _sphere(*_coasts(), radius=1.004)
    line = {"color": "white", "width": 2}
    figure.add_trace(go.Scatter3d(x=x, y=y, z=z, mode="lines", line=line, hoverinfo="skip", showlegend=False), 1, 1)
    scale = {"zmin": colours["cmin"], "zmax": colours["cmax"], "colorscale": "Viridis", "showscale": False}
    figure.add_trace(go.Heatmap(x=lat, y=levels, z=log10_ne.values[:, :, sections[0]], **scale), 2, 1)
    altitudes = [
        _step(f"{level:g} km", {"surfacecolor": [values]}, 0)
        for level, values in zip(levels, log10_ne.values, strict=True)
    ]
    meridian = [_step(f"{lon[i]:g}°", {"z": [log10_ne.values[:, :, i]]}, 2) for i in sections]
    figure.update_layout(
        title=f"R-STMRF, {str(at['time'].values)[:16]} UT",
        sliders=[
            {"steps": altitudes, "active": first, "y": 0.52, "currentvalue": {"prefix": "altitude "}},
            {"steps": meridian, "active": 0, "y": -0.06, "currentvalue": {"prefix": "longitude "}},
        ],
        scene={axis: {"visible": False} for axis in ("xaxis", "yaxis", "zaxis")} | {"aspectmode": "data"},
        height=1000,
    )
    figure.update_xaxes(title="latitude (degrees)", row=2, col=1)
    figure.update_yaxes(title="altitude (km)", row=2, col=1)
    return figure


def _step(label, change, trace):
    return {"label": label, "method": "restyle", "args": [change, [trace]]}


def _closed(values: xr.DataArray) -> xr.DataArray:
    """With the first meridian again at the end, where the longitudes go round the globe."""
    lon = values["lon"].values
    if len(lon) < 2 or not np.isclose(lon[-1] + (lon[1] - lon[0]) - lon[0], 360.0):
        return values
    again = values.isel(lon=[0]).assign_coords(lon=[lon[0] + 360.0])
    return xr.concat([values, again], "lon")


def _sphere(lat, lon, radius=1.0):
    lat, lon = np.deg2rad(lat), np.deg2rad(lon)
    place = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    return tuple((radius * x).astype(np.float32) for x in place)


def _coasts():
    """Latitudes and longitudes of all coasts in one line, broken by NaN."""
    from cartopy.io.shapereader import Reader

    parts = []
    for shape in Reader(COASTS).geometries():
        for line in getattr(shape, "geoms", [shape]):
            parts += [np.array(line.coords)[:, :2], np.full((1, 2), np.nan)]
    lon, lat = np.concatenate(parts).T
    return lat, lon
