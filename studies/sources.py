"""Where S13's direction comes from, ConvLSTM or the maps themselves: `python -m studies.sources`.

The sample preset with `direction_source` "network" and "observed": RMSE of log10 Ne on the development part, relative
to IRI's, for the splits of three seeds; seconds of a step, in turn; the peak of its tensors, foreseen.
"""

import json
from pathlib import Path

from benchmarks import machine
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from studies.physics_points import SEEDS, skill, step_of

RESULTS = Path(__file__).parent / "results" / "sources.json"


def main():
    """Measure, print and write `results/sources.json`."""
    configs = {source: RunConfig.preset("sample", direction_source=source) for source in ("network", "observed")}
    seconds = machine.interleaved_seconds({name: step_of(config) for name, config in configs.items()}, 15)
    rows = []
    for name, config in configs.items():
        row = {"direction_source": name, "milliseconds": round(1e3 * seconds[name], 1)}
        row["peak_mb"] = {n: round(planning.predict_peak(config, n), 1) for n in (4, 100)}
        row["rmse_to_iri"] = [round(skill(config.changed(seed=seed)), 4) for seed in SEEDS]
        rows.append(row)
        print(row, flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
