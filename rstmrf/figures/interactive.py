"""A globe and a slice to turn and step through in a browser, in one HTML file that needs no network.

It is drawn by plotly: `pip install rstmrf[interactive]`.
"""

from pathlib import Path

import numpy as np
import xarray as xr

#: title with unit, and colours, by variable
SHOWN = {
    "fo_f2_mhz": ("foF2 (MHz)", "Viridis"),
    "hm_f2_km": ("hmF2 (km)", "Cividis"),
    "vtec_tecu": ("vertical TEC (TECU)", "Viridis"),
    "muf3000_f2_mhz": ("MUF(3000)F2 (MHz)", "Viridis"),
    "ne_m3": ("log₁₀ Ne (m⁻³)", "Viridis"),
}
_COAST = Path(__file__).parent / "natural_earth"
_VIEW = {"showbackground": False, "showgrid": False, "showticklabels": False, "zeroline": False, "title": ""}


def show(ds: xr.Dataset, path, *, alt_km: float = 300.0, lon_deg: float = 0.0, plotlyjs: bool | str = True) -> Path:
    """Write a page with a globe of each map of a grid, and a slice of density along a meridian, through its times.

    Args:
        ds: grid of `Predictor`, (time, alt_km, lat, lon) and (time, lat, lon), loaded or lazy.
        path: of the HTML file.
        alt_km: level of density on the globe; lon_deg: meridian of the slice; the nearest ones are taken.
        plotlyjs: True: within the file (4.5 MB), which then needs nothing else; or where the page finds it.

    Raises:
        ValueError: the Dataset holds no map that can be shown. ImportError: plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots
    except ImportError:
        raise ImportError("the interactive view needs plotly: pip install 'rstmrf[interactive]'") from None
    names = [name for name in SHOWN if name in ds]
    if not names or not {"time", "lat", "lon"} <= set(ds.dims):
        raise ValueError(f"there is no map to show: a grid (time, lat, lon) with one of {list(SHOWN)} is needed")
    globes, slices, place = _globes(ds, names, alt_km), _slice(ds, lon_deg), _sphere(ds)
    titles = [_time(moment) for moment in ds["time"].values]
    kinds = [[{"type": "scene"}, {"type": "xy"}]] if slices else [[{"type": "scene"}]]
    figure = make_subplots(rows=1, cols=len(kinds[0]), specs=kinds, column_widths=[0.6, 0.4] if slices else None)
    for number, name in enumerate(names):
        title, colours = SHOWN[name]
        low, high = (float(np.nanquantile(globes[name], q)) for q in (0.01, 0.99))
        bar = {"title": {"text": title, "side": "right"}, "x": 0.52 if slices else 1.0, "len": 0.75}
        surface = go.Surface(
            **place, surfacecolor=globes[name][0], colorscale=colours, cmin=low, cmax=high, colorbar=bar,
            visible=number == 0, lighting={"ambient": 1.0, "diffuse": 0.0, "specular": 0.0}, name=title,
        )  # fmt: skip
        figure.add_trace(surface, 1, 1)
    figure.add_trace(
        go.Scatter3d(**_coast(), mode="lines", line={"color": "white", "width": 2}, hoverinfo="skip"), 1, 1
    )
    if slices:
        figure.add_trace(go.Heatmap(z=slices["z"][0], **slices["axes"], **slices["style"]), 1, 2)
        figure.update_xaxes(title_text="latitude (degrees)", row=1, col=2)
        figure.update_yaxes(title_text="altitude (km)", row=1, col=2)
    changing = [*range(len(names)), *([len(names) + 1] if slices else [])]
    figure.frames = [
        go.Frame(
            name=title,
            data=[
                *(go.Surface(surfacecolor=globes[name][i]) for name in names),
                *([go.Heatmap(z=slices["z"][i])] if slices else []),
            ],
            traces=changing,
        )
        for i, title in enumerate(titles)
    ]
    figure.update_layout(
        scene={axis: _VIEW for axis in ("xaxis", "yaxis", "zaxis")} | {"aspectmode": "data"},
        sliders=[_slider(titles)],
        updatemenus=[_menu(names, 1 + bool(slices))],
        margin={"l": 10, "r": 10, "t": 60, "b": 10},
        showlegend=False,
    )
    if slices:
        figure.add_annotation(
            text=slices["title"], x=0.84, y=1.06, xref="paper", yref="paper", showarrow=False, font={"size": 14}
        )
    path = Path(path)
    path.write_text(figure.to_html(include_plotlyjs=plotlyjs, full_html=True), encoding="utf-8")
    return path


def _globes(ds, names, alt_km):
    """Maps `[T, Y, X]` by name, the first meridian over again at the end; of density its logarithm at one level."""
    maps = {}
    for name in names:
        values = ds[name]
        if "alt_km" in values.dims:
            values = np.log10(values.sel(alt_km=alt_km, method="nearest"))
        values = values.transpose("time", "lat", "lon").values.astype(np.float32)
        maps[name] = np.concatenate([values, values[..., :1]], axis=-1)
    return maps


def _slice(ds, lon_deg):
    if "ne_m3" not in ds or ds.sizes.get("alt_km", 0) < 2:
        return None
    apart = np.abs((ds["lon"].values - lon_deg + 180) % 360 - 180)
    here = ds["ne_m3"].isel(lon=int(apart.argmin()))
    z = np.log10(here.transpose("time", "alt_km", "lat").values.astype(np.float32))
    bar = {"title": {"text": "log₁₀ Ne (m⁻³)", "side": "right"}, "len": 0.75}
    style = {"colorscale": "Viridis", "zmin": float(np.nanmin(z)), "zmax": float(np.nanmax(z)), "colorbar": bar}
    title = f"along {float(here['lon']):g}° longitude"
    return {"z": z, "axes": {"x": ds["lat"].values, "y": ds["alt_km"].values}, "style": style, "title": title}


def _sphere(ds):
    lat, lon = (np.deg2rad(ds[name].values.astype(float)) for name in ("lat", "lon"))
    return _on_sphere(lat[:, None], np.append(lon, lon[0])[None, :], 1.0)


def _coast():
    """Coasts as one line on the globe, broken between its parts."""
    from cartopy.io.shapereader import Reader

    lines = []
    for shape in Reader(next(_COAST.rglob("*coastline*.shp"))).geometries():
        for line in getattr(shape, "geoms", [shape]):
            lines += [np.asarray(line.coords), np.full((1, 2), np.nan)]
    lon, lat = np.deg2rad(np.concatenate(lines)).T
    return _on_sphere(lat, lon, 1.003)


def _on_sphere(lat, lon, radius):
    x, y = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon)
    return {"x": radius * x, "y": radius * y, "z": radius * np.sin(lat) * np.ones_like(x)}


def _slider(titles):
    now = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    steps = [{"label": title, "method": "animate", "args": [[title], now]} for title in titles]
    return {"steps": steps, "currentvalue": {"prefix": ""}, "pad": {"t": 20}}


def _menu(names, others):
    """What the globe shows; coasts and slice always stay."""
    buttons = []
    for name in names:
        visible = [one == name for one in names] + [True] * others
        buttons.append({"label": SHOWN[name][0], "method": "update", "args": [{"visible": visible}]})
    return {"buttons": buttons, "x": 0.0, "y": 1.12, "xanchor": "left", "yanchor": "top"}


def _time(moment):
    return np.datetime_as_string(moment, "m").replace("T", " ") + " UT"
