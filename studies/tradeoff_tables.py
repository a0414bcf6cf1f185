"""Tables of the stored trade-offs, for the book."""

import json

import pandas as pd

from benchmarks.memory import CONFIGURATIONS
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from studies.tradeoffs import ALONE, AS_THEY_COME, RESULTS

#: the design document's estimates: MB, speed and skill in percent of the default's
DOCUMENT = pd.DataFrame(
    {
        "document: MB": [500, 250, 150, 300, 120],
        "its speed": [1.0, 0.8, 1.2, 1.1, 0.9],
        "its skill (%)": [100, 98, 93, 95, 88],
    },
    index=list(CONFIGURATIONS),
)
FIVE = list(CONFIGURATIONS)
SINGLE = ["default", "batch_size 1024", *ALONE]
PRESETS = list(AS_THEY_COME)


def runs() -> pd.DataFrame:
    """A row for each stored run, with the memory [MB] of its configuration.

    Minutes are the processor's, of both phases of a training; speed is points a second in them, over that of the
    default with the same seed.
    """
    found = json.loads(RESULTS.read_text())
    memory = pd.DataFrame(found["memory"]).set_index("configuration")
    table = pd.DataFrame(found["runs"]).join(memory, on="configuration")
    whole = table["seconds"] + table["head_seconds"]
    throughput = table["points_per_second"] * table["seconds"] / whole
    default = throughput[table["configuration"] == "default"].set_axis(table["seed"].unique())
    return table.assign(speed=throughput / table["seed"].map(default), minutes=whole / 60)


def by_configuration(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Means over seeds of memory, speed and skill, with the standard deviation of the skill over them."""
    shown = pd.Index(names, name="configuration")
    names = ["small batch" if name == "batch_size 1024" else name for name in names]
    groups = table[table["configuration"].isin(names)].groupby("configuration")
    mean = groups[["measured_mb", "predicted_mb", "minutes", "speed", "skill", "steps"]].mean().loc[names]
    found = pd.DataFrame(
        {
            "skill (%)": (100 * mean["skill"]).round(1),
            "± (seeds)": (100 * groups["skill"].std()).loc[names].round(1),
            "memory (MB)": mean["measured_mb"].round().astype(int),
            "foreseen (MB)": mean["predicted_mb"].round().astype(int),
            "time (CPU min)": mean["minutes"].round(1),
            "speed": mean["speed"].round(2),
            "steps": mean["steps"].round().astype(int),
        }
    )
    return found.set_axis(shown)


def joint_step(changes: dict[str, dict], windows: tuple[int, ...]) -> pd.DataFrame:
    """Tensors [MB] of a step that trains the ConvLSTM within it, foreseen for numbers of unique windows."""
    found = {
        name: [planning.predict_tensors(RunConfig(**{"direction_training": "joint"} | change), n) for n in windows]
        for name, change in changes.items()
    }
    return pd.DataFrame(found, index=[f"N = {n} (MB)" for n in windows]).T.round().astype(int)


def paired(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Skill less that of the default with the same seed, in percent: mean, and least and most over seeds.

    A configuration is told apart where all seeds lie on one side and the mean lies outside the noise (`noise`).
    """
    skill = 100 * table.pivot_table("skill", "seed", "configuration")
    less = skill.sub(skill["default"], axis=0)[[name for name in names if name != "default"]]
    found = less.agg(["mean", "min", "max"]).T
    one_side = (found["min"] > 0) | (found["max"] < 0)
    return found.round(1).assign(apart=one_side & (found["mean"].abs() > noise(table)))


def noise(table: pd.DataFrame) -> float:
    """Standard deviation [%] of the skill over seeds within a configuration, pooled over all of them."""
    variance = table.groupby("configuration")["skill"].var()
    return float(100 * variance.mean() ** 0.5)


def glued(table: pd.DataFrame) -> dict[str, float]:
    """Figures of the five configurations that `claims.toml` names."""
    mean = table[table["configuration"].isin(FIVE)].groupby("configuration")[["skill", "speed"]].mean()
    apart = paired(table, FIVE)["apart"]
    found = {f"skill of {name}": mean["skill"][name] / mean["skill"]["default"] for name in FIVE}
    found |= {f"speed of {name}": mean["speed"][name] for name in FIVE}
    return found | {f"apart {name}": float(apart.get(name, False)) for name in FIVE}
