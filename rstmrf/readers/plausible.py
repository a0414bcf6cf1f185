"""What a measurement of the ionosphere can be; everything else is counted, or refused with its value."""

import warnings

import numpy as np

from rstmrf.errors import InputError

#: no ionosonde chain, no satellite and no index is older; nothing planned is later
FIRST_TIME, END_TIME = np.datetime64("1957-01-01", "ns"), np.datetime64("2101-01-01", "ns")
#: vertical TEC [TECU]; analysis centres write small negative values at night
TEC_RANGE_TECU = (-5.0, 500.0)
#: share of cells beyond that range from which on a file has another unit, or is damaged throughout
IMPLAUSIBLE_SHARE = 0.01
#: a density of a point [m⁻³]: no receiver resolves less
LOWEST_NE_M3, HIGHEST_NE_M3 = 1e4, 1e14
#: a stated standard deviation of log10 Ne
SIGMA_RANGE_LOG10 = (0.0, 3.0)
#: a profile that spans less than this [km] says nothing about height
SHORTEST_PROFILE_KM = 1.0
#: neighbours of a profile lie closer than this [deg, deg, km], and follow each other within a minute
NEIGHBOURS_DEG_DEG_KM, SLOWEST_STEP_S, FEWEST_STEPS = (3.0, 3.0, 120.0), 60.0, 20
#: of `.npy` rows: hours since start, log10 Ne [m⁻³], and the altitude above which numbers are metres
MAX_HOURS, LOG10_NE_LOWEST_PEAK, LOG10_NE_HIGHEST, HIGHEST_MIDDLE_KM = 50 * 365.25 * 24, 8.0, 30.0, 50_000.0
MAPS_AT_ONCE = 64


def check_time(time, where) -> None:
    """Raise InputError at the first time (datetime64) that is missing, before 1957 or after 2100."""
    time = np.atleast_1d(time).ravel()
    wrong = time[~((time >= FIRST_TIME) & (time < END_TIME))]
    if wrong.size:
        raise InputError(f"{where}: a time is {wrong[0]!s:.19}, accepted are the years 1957 to 2100.")


def check_clock(rows, where) -> None:
    """Raise InputError where rows (lat, lon, alt [deg, deg, km], hours, …) sweep through profiles far too slowly.

    A profile takes minutes. Where most neighbours are near in place, climb or sink steadily, and lie more than a
    minute apart, the column of hours has another unit.
    """
    step = np.diff(np.asarray(rows)[:, :4], axis=0)
    near = (np.abs(step[:, :3]) < NEIGHBOURS_DEG_DEG_KM).all(axis=1)
    slow = near & (np.abs(step[:, 3]) * 3600.0 > SLOWEST_STEP_S)
    steady = step[1:, 2] * step[:-1, 2] > 0
    if len(steady) < FEWEST_STEPS or slow.mean() < 0.5 or steady.mean() < 0.8:
        return
    hours = float(np.median(np.abs(step[slow, 3])))
    raise InputError(
        f"{where}: neighbouring rows of its profiles are {hours:.3g} h apart, where seconds are usual; column 4 must "
        "be hours since start: divide seconds by 3600, minutes by 60."
    )


def check_columns(block, rows, where) -> None:
    """Raise InputError where finite rows `[n, 5]` (lat, lon, alt, hours, log10 Ne) hold something else."""
    checks = (
        (0, -90.0, 90.0, "column 1 must be latitude in degrees, -90 to 90"),
        (1, -360.0, 360.0, "column 2 must be longitude in degrees, -180 to 180 or 0 to 360"),
        (3, -MAX_HOURS, MAX_HOURS, "column 4 must be hours since start, not seconds or days since 1970"),
        (4, -np.inf, LOG10_NE_HIGHEST, "column 5 must be log10 of Ne in m-3: take numpy.log10 of density in m-3 first"),
    )
    for column, low, high, rule in checks:
        bad = np.flatnonzero((block[:, column] < low) | (block[:, column] > high))
        if bad.size:
            raise InputError(
                f"{where}: row {rows[bad[0]]} holds {block[bad[0], column]:g} in column {column + 1}; {rule}."
            )
    middle_km = np.median(block[:, 2])
    if middle_km > HIGHEST_MIDDLE_KM:
        raise InputError(f"{where}: half of column 3 lies above {middle_km:g}; it must be altitude in km, not in m.")


def check_peak(highest_log10_ne: float, where) -> None:
    """Raise InputError where the highest density of all profiles is none, as in another unit."""
    if np.isfinite(highest_log10_ne) and highest_log10_ne < LOG10_NE_LOWEST_PEAK:
        remedy = "if it is log10 of el/cm3, say ne_unit='el/cm3'"
        found = f"the highest value of column 5 is {highest_log10_ne:.2f}"
        raise InputError(f"{where}: {found}, too low for log10 of Ne in m-3, whose peaks lie at 8 to 14; {remedy}.")


def check_axis(values, low, high, name, where) -> None:
    """Raise InputError unless values [deg] are nodes of a grid: finite, within `low` to `high`, each once."""
    values = np.asarray(values)
    numbers = values.ndim == 1 and values.dtype.kind in "fiu" and values.size > 1
    if not numbers or not ((values >= low) & (values <= high)).all() or np.unique(values).size < values.size:
        raise InputError(
            f"{where}: its {name} are no grid, accepted are two nodes or more, {low:g} to {high:g} degrees."
        )


def plausible_tec(maps, where) -> tuple[np.ndarray, int]:
    """TEC maps [time, lat, lon, TECU] with NaN for what no ionosphere has, and how many cells that were; a warning too.

    Maps that are plausible throughout come back as they are, uncopied. Raises InputError: more than 1 % of the cells
    is beyond −5 to 500 TECU, or none differs from zero.
    """
    low, high = TEC_RANGE_TECU
    found, other_than_zero, worst = 0, False, 0.0
    for block in _blocks(maps):
        wrong = _wrong(block)
        found += int(wrong.sum())
        other_than_zero |= bool((block[~np.isnan(block)] != 0).any())
        worst = max(worst, float(np.abs(block[wrong]).max(initial=0.0)))
    if found > IMPLAUSIBLE_SHARE * maps.size or not other_than_zero:
        said = f"{found} of {maps.size} values are implausible, up to {worst:.3g}" if found else "all values are zero"
        raise InputError(f"{where}: {said}; accepted is vertical TEC of {low:g} to {high:g} TECU (another unit?).")
    if found:
        warnings.warn(
            f"{where}: {found} of {maps.size} values are beyond {low:g} to {high:g} TECU: missing", stacklevel=4
        )
        maps = np.array(maps)
        for block in _blocks(maps):
            block[_wrong(block)] = np.nan
    return maps, found


def drop_sigma(sigma_log10_ne: np.ndarray) -> int:
    """Put NaN where a stated σ of log10 Ne is not positive, or above 3; returns how many were."""
    low, high = SIGMA_RANGE_LOG10
    wrong = ~np.isnan(sigma_log10_ne) & ~((sigma_log10_ne > low) & (sigma_log10_ne <= high))
    sigma_log10_ne[wrong] = np.nan
    return int(wrong.sum())


def _blocks(maps):
    return (maps[first : first + MAPS_AT_ONCE] for first in range(0, len(maps), MAPS_AT_ONCE))


def _wrong(block):
    return ~np.isnan(block) & ~((block >= TEC_RANGE_TECU[0]) & (block <= TEC_RANGE_TECU[1]))
