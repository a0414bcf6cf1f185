"""Figures of what a split holds out."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from rstmrf.figures.plots import MODEL


def parts_of_days(kp, came: dict[str, np.ndarray], locked: str, month: str) -> Figure:
    """Kp of a month with the locked days shaded, and below it when the profiles of each part come.

    Args:
        kp: of each hour of the month, `[hours]`.
        came: by the name of a part, the times of its profiles, h since the month began.
        locked: the name of the part whose days are shaded; it must be among those.
        month: its name, for the axis.
    """
    fig, (top, below) = plt.subplots(2, 1, figsize=(8, 4), sharex=True, layout="constrained", height_ratios=[3, 2])
    top.step(np.arange(len(kp)) / 24 + 1, kp, where="post", color="0.2", lw=0.9)
    top.set(ylabel="Kp", ylim=(0, 9))
    for day in np.unique(np.asarray(came[locked]) // 24):
        top.axvspan(day + 1, day + 2, color=MODEL, alpha=0.2, lw=0)
    for row, (name, hours) in enumerate(came.items()):
        colour = MODEL if name == locked else "0.3"
        below.plot(np.asarray(hours) / 24 + 1, np.full(len(hours), row), "|", ms=9, mew=0.4, color=colour)
    below.set_yticks(range(len(came)), list(came))
    below.set(ylim=(len(came) - 0.4, -0.6), xlim=(1, len(kp) / 24 + 1))
    below.set(xlabel=f"day of {month} (UTC)", xticks=range(1, len(kp) // 24 + 1, 2))
    return fig
