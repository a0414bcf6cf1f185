"""Names, units and attributes of products by the CF conventions (1.11); TECU and dex, which UDUNITS lacks, in words."""

from collections.abc import Mapping
from importlib.metadata import version
from statistics import NormalDist

import numpy as np
import xarray as xr

COORDINATES = {
    "time": {"standard_name": "time", "long_name": "time (UT)", "axis": "T"},
    "alt_km": {
        "standard_name": "altitude",
        "long_name": "altitude above the sphere of 6371 km",
        "units": "km",
        "positive": "up",
        "axis": "Z",
    },
    "lat": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "lon": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"},
}
#: left to itself, xarray counts a single time in days, and times appended to it are rounded to days
TIME_ENCODING = {"units": "seconds since 1970-01-01", "calendar": "standard", "dtype": "int64"}
FINE_TIME_ENCODING = {"units": "nanoseconds since 1970-01-01", "calendar": "standard", "dtype": "int64"}

_NE, _DEX, _TEC = {"units": "m-3"}, {"units": "1"}, {"units": "1e16 m-2"}
#: 90 % of a Gaussian lie within so many σ
INTERVAL_SIGMAS = NormalDist().inv_cdf(0.95)
DENSITY = {
    "ne_m3": {**_NE, "long_name": "electron density"},
    "ne_iri_m3": {**_NE, "long_name": "electron density of the IRI background"},
    "log10_ne_m3": {**_DEX, "long_name": "decimal logarithm of electron density in m-3"},
    "residual_dex": {**_DEX, "long_name": "decimal logarithm of the ratio of electron density to IRI's"},
}
INTERVAL = {
    "sigma_dex": {**_DEX, "long_name": "standard deviation of the decimal logarithm of electron density"},
    "ne_low_m3": {**_NE, "long_name": "lower end of the 90 % interval of electron density"},
    "ne_high_m3": {**_NE, "long_name": "upper end of the 90 % interval of electron density"},
}
SLOPES = {
    f"d_log10ne_d{way}_per_km": {"units": "km-1", "long_name": f"{words} derivative of log10 of electron density"}
    for way, words in (("east", "eastward"), ("north", "northward"), ("alt", "upward"))
}
LAYERS = {
    "nm_f2_m3": {**_NE, "long_name": "peak electron density of the F2 layer"},
    "hm_f2_km": {"units": "km", "long_name": "height of the F2 peak"},
    "fo_f2_mhz": {"units": "MHz", "long_name": "critical frequency of the F2 layer"},
    "muf3000_f2_mhz": {"units": "MHz", "long_name": "maximum usable frequency over 3000 km by the F2 layer"},
    "vtec_tecu": {**_TEC, "long_name": "vertical total electron content in TECU"},
}
RAYS = {
    "stec_tecu": {**_TEC, "long_name": "slant total electron content in TECU from 80 to 1000 km"},
    "stec_iri_tecu": {**_TEC, "long_name": "the same of the IRI background"},
    "tec_share_not_trained": {**_DEX, "long_name": "share of it below 120 or above 500 km"},
    "length_share_not_trained": {**_DEX, "long_name": "share of the length of the ray there or above 1000 km"},
}
COVERAGE = {
    1: "altitude_beyond_training",
    2: "altitude_beyond_background",
    4: "hour_without_maps_or_indices",
    8: "day_without_background",
    16: "place_or_time_not_valid",
}
_FLAG = {
    "long_name": "what a value lacks",
    "flag_masks": np.array(list(COVERAGE), np.int8),
    "flag_meanings": " ".join(COVERAGE.values()),
    "comment": "0: nothing. Values stay with the first flag alone, with any other they are missing.",
}
ATTRIBUTES = {**DENSITY, **INTERVAL, **SLOPES, **LAYERS, **RAYS, "coverage_flag": _FLAG}


def dataset(variables: Mapping, coords: Mapping, about: Mapping[str, str], notes: Mapping[str, dict] | None = None):
    """A CF Dataset of variables `{name: (dims, values)}` that this module knows, and coordinates with attributes.

    Args:
        about: global attributes; notes: further attributes by variable.
    """
    notes = notes or {}
    ds = xr.Dataset(
        {
            name: (dims, values, {**ATTRIBUTES[name], **notes.get(name, {})})
            for name, (dims, values) in variables.items()
        },
        coords,
        {
            "Conventions": "CF-1.11",
            "title": "Electron density of the ionosphere: IRI and a learned residual",
            "institution": "not stated",
            "source": f"rstmrf {version('rstmrf')}, R-STMRF",
            "references": "IRI by PyIRI: Forsythe et al. 2024, doi:10.1029/2023SW003739",
            **about,
        },
    )
    beside = " ".join(name for name in ("sigma_dex", "coverage_flag") if name in ds)
    if beside and "ne_m3" in ds:
        ds["ne_m3"].attrs["ancillary_variables"] = beside
    for variable in ds.variables.values():
        variable.encoding.pop("_FillValue", None)
    for name in ds.coords:
        if name != "time":
            ds[name].encoding["_FillValue"] = None  # CF: a coordinate has no missing values
    return ds


def time_coordinate(dims, time) -> xr.Variable:
    """Times as a coordinate, counted in whole seconds, or finer where they are."""
    time = np.asarray(time, "datetime64[ns]")
    whole = (time == time.astype("datetime64[s]")).all()
    axis = COORDINATES["time"] if dims == ("time",) else {k: v for k, v in COORDINATES["time"].items() if k != "axis"}
    variable = xr.Variable(dims, time, dict(axis))
    variable.encoding = dict(TIME_ENCODING if whole else FINE_TIME_ENCODING)
    return variable


def place_coordinate(name: str, dims, values, attrs: Mapping | None = None) -> xr.Variable:
    """Latitudes, longitudes or altitudes as they were given; an axis only where they are a dimension of their own."""
    own = {k: v for k, v in COORDINATES[name].items() if k != "axis" or dims == (name,)}
    return xr.Variable(dims, np.asarray(values), {**(attrs or {}), **own})
