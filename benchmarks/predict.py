"""Density on a grid: the network, the background and both, beside PyIRI. `python -m benchmarks.predict`.

Network, background and matrix product run in turn, A B A B, in one process. The network's share of the matrix-product
rate counts the operations of the plain network at every point (two a weight), not fewer for what is computed once.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import torch

from benchmarks import machine
from rstmrf.background import IriBackground
from rstmrf.config import RunConfig
from rstmrf.model.columns import ColumnField
from rstmrf.model.field import ResidualField
from rstmrf.presets import DOCUMENT_MODE

RESULTS = Path(__file__).parent / "results" / "predict.json"
LAT, LON, ALT_KM = np.arange(-87.5, 88, 2.5), np.arange(-180, 180, 5.0), np.arange(100, 801, 10.0)
DAY, HOUR, IG12, F107 = "2019-04-25", 12.5, 2.0, 70.0


def flop_a_point(field: ResidualField) -> int:
    """Operations of the spatial network and the decoder at one point; h_temporal is left out."""
    spatial = field.spatial
    matrices = [spatial.first, *spatial.hidden, spatial.last, field.decoder[1]]
    of_space = field.decoder[0].out_features * spatial.last.out_features
    return 2 * (sum(layer.weight.numel() for layer in matrices) + of_space)


def pyiri_grid(lat, lon):
    """A step that evaluates PyIRI at one time on columns."""
    import PyIRI.sh_library as pyiri_sh

    def step():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            year, month, day = map(int, DAY.split("-"))
            pyiri_sh.IRI_density_1day(year, month, day, np.array([HOUR]), lon, lat, ALT_KM, F107, old_output=False)

    return step


def measure(repeats: int) -> list[dict]:
    """One row a mode of the network, and rows of the background, of both and of PyIRI."""
    lat, lon = (x.ravel() for x in np.meshgrid(LAT, LON, indexing="ij"))
    lat32, lon32, alt32 = (torch.from_numpy(x).float() for x in (lat, lon, ALT_KM))
    points, sw_seq = lat.size * ALT_KM.size, torch.tensor([[2.0, F107]]).expand(6, 2)
    iri, hours = IriBackground(DAY, [IG12], [F107]), torch.full((lat.size,), HOUR, dtype=torch.float64)
    torch.manual_seed(0)
    fields = {"network": ResidualField(RunConfig(), 720.0), "network, document mode": None}
    fields["network, document mode"] = ResidualField(RunConfig(**DOCUMENT_MODE), 720.0)

    def network(field):
        return lambda: ColumnField(field)(lat32, lon32, alt32, HOUR, sw_seq)

    steps = {name: network(field) for name, field in fields.items()}
    steps["background"] = lambda: iri.log10_density_columns(lat, lon, ALT_KM, hours)
    steps["PyIRI"] = pyiri_grid(lat, lon)
    product, product_flop = machine.matrix_product()
    seconds = machine.interleaved_seconds({**steps, "matrix product": product}, repeats)
    rate = product_flop / seconds.pop("matrix product")
    seconds["network and background"] = seconds["network"] + seconds["background"]
    rows = []
    for name, taken in seconds.items():
        row = {"what": name, "points": points, "seconds": round(taken, 4), "points_per_second": round(points / taken)}
        if name in fields:
            row["gemm_share"] = round(points * flop_a_point(fields[name]) / taken / rate, 3)
        rows.append(row)
    return rows


def main():
    """Measure, print a table and write `results/predict.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    rows = measure(parser.parse_args().repeats)
    for row in rows:
        print(*(f"{key} {value}" for key, value in row.items()), sep="  ")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
