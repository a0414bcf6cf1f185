"""Physics at some of a batch's observations: time and skill on the sample. `python -m studies.physics_points`.

The sample preset (512 points a batch) with the physics losses at all, at 128 and at 32 of them; RMSE of log10 Ne on the
development part, relative to IRI's, for splits of three seeds that no other page uses; seconds of a step, in turn.
"""

import json
from pathlib import Path

from benchmarks import machine
from rstmrf.config import RunConfig
from studies.sources import AT_OBSERVATIONS, SEEDS, run, step_of

RESULTS = Path(__file__).parent / "results" / "physics_points.json"
CHOICES = (None, 128, 32)


def main():
    """Measure, print and write `results/physics_points.json`."""
    configs = {str(n or "all"): RunConfig.preset("sample", **AT_OBSERVATIONS, physics_points=n) for n in CHOICES}
    seconds = machine.interleaved_seconds({name: step_of(config) for name, config in configs.items()}, 15)
    rows = []
    for name, config in configs.items():
        scores = [round(run(config.changed(seed=seed))["rmse_to_iri"], 4) for seed in SEEDS]
        rows.append({"physics_points": name, "milliseconds": round(1e3 * seconds[name], 1), "rmse_to_iri": scores})
        print(rows[-1], flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
