"""Figures of memory over the time of a run."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

RESIDENT, GIVEN_OUT = "#222222", "#2166ac"


def over_time(series: pd.DataFrame, warm_up_minutes: float, mb_per_hour: float) -> Figure:
    """Memory [MB] over a run, and below it what happens after the warm-up, with the line whose slope is stated.

    Args:
        series: columns `minutes`, `resident_mb` and `given_out_mb`, the latter NaN where no allocator tells it.
        mb_per_hour: slope of the line, which goes through the means of both axes after the warm-up.
    """
    fig, (whole, after) = plt.subplots(2, 1, figsize=(8, 5.4), sharex=True, layout="constrained")
    later = series[series["minutes"] >= warm_up_minutes]
    for name, label, colour in (
        ("resident_mb", "resident", RESIDENT),
        ("given_out_mb", "given out by the allocator", GIVEN_OUT),
    ):
        whole.plot(series["minutes"], series[name], color=colour, label=label)
    whole.axvspan(0, warm_up_minutes, color="0.92", label="warm-up")
    whole.set(ylabel="memory (MB)", ylim=(0, None), xlim=(0, None))
    whole.legend(frameon=False, ncols=3, loc="lower right")
    after.plot(later["minutes"], later["resident_mb"], ".-", color=RESIDENT, lw=0.8, ms=3)
    line = later["resident_mb"].mean() + mb_per_hour * (later["minutes"] - later["minutes"].mean()) / 60
    after.plot(later["minutes"], line, "--", color="#b2182b", label=f"{mb_per_hour:+.1f} MB an hour")
    after.set(xlabel="minutes of training", ylabel="resident memory (MB)")
    after.legend(frameon=False)
    return fig
