"""The ledger counts bytes: known tensors of the design document, each storage once, fake as real."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

from benchmarks.literal import LiteralRSTMRF, literal_loss
from benchmarks.train_step import make_batch
from rstmrf import memory
from rstmrf.config import RunConfig
from rstmrf.errors import InputError
from rstmrf.model.whole import RSTMRF
from rstmrf.training.losses import loss_terms, total_loss

F32 = 4


def literal_ledger(points, windows):
    with memory.fake_tensors():
        batch, model = make_batch(points, windows), LiteralRSTMRF()
        inputs = {
            "coords": batch.coords,
            "target_ne": batch.target_ne,
            "sw_seq": batch.sw_seq.contiguous(),
            "unique_tec_map_seq": batch.unique_tec_map_seq,
            "tec_indices": batch.tec_indices,
        }
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
        return memory.ledger(lambda: literal_loss(model, **inputs), model, optimizer, inputs)


@pytest.fixture(scope="module")
def literal():
    """The design document's own step at B = 2048, N = 100."""
    return literal_ledger(2048, 100)


def mlp_step(points=32, width=16, layers=3, recompute=False, fake=False):
    def build():
        blocks = [nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in range(layers)]
        model, x = nn.Sequential(*blocks), torch.rand(points, width)

        def forward():
            y = x
            for block in model:
                y = checkpoint(block, y, use_reentrant=False) if recompute else block(y)
            return y.square().mean()

        return memory.ledger(forward, model, torch.optim.Adam(model.parameters()), {"x": x})

    if not fake:
        return build()
    with memory.fake_tensors():
        return build()


def one(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1, table
    return table.iloc[0]


# The document's figures


def test_known_tensors_of_the_literal_design(literal):
    assert one(literal, held_by="sw_seq")["bytes"] == 96 * 1024  # the document: 192 KB
    assert one(literal, held_by="unique_tec_map_seq")["bytes"] == 100 * 6 * 46 * 91 * F32  # 10 MB
    features = literal[(literal["shape"] == (100, 16, 46, 91)) & (literal["module"] == "convlstm")]
    assert set(features["bytes"]) == {26_790_400}  # 26.8 MB
    copied = one(literal, shape=(2048, 2, 46, 91), role="saved for backward")
    assert copied["bytes"] == 68_583_424 and copied["made_by"] == "index"  # 68.6 MB


def test_convlstm_of_the_literal_design_keeps_more_than_a_gigabyte(literal):
    saved = literal[literal["role"] == "saved for backward"]
    assert saved.loc[saved["module"] == "convlstm", "bytes"].sum() / 1e6 == pytest.approx(1162, abs=5)


def test_windows_rule_the_peak_of_the_literal_design_and_points_do_not(literal):
    quarter = memory.peak_mb(literal_ledger(512, 100))
    assert quarter > 0.75 * memory.peak_mb(literal)
    assert memory.peak_mb(literal_ledger(2048, 4)) < 0.4 * memory.peak_mb(literal)


def test_double_backward_keeps_more_for_the_same_points_than_jets(literal):
    with memory.fake_tensors():
        config = RunConfig()
        batch, model = make_batch(2048, 100), RSTMRF(config, 720.0)
        ours = memory.ledger(lambda: total_loss(loss_terms(batch, model, config), config), model, None, batch)
    per_point = {
        "literal": literal[literal["module"].str.fullmatch(r"(spatial|temporal|iri_proxy|decoder).*")],
        "jets": ours[ours["module"].str.startswith("residual_field")],
    }
    kept = {name: memory.saved_mb(rows) for name, rows in per_point.items()}
    assert kept["jets"] < 0.6 * kept["literal"], kept


# Counting


@pytest.mark.parametrize("recompute", [False, True])
def test_fake_tensors_count_as_real_ones(recompute):
    real, fake = (mlp_step(recompute=recompute, fake=fake) for fake in (False, True))
    assert memory.peak_mb(real) == memory.peak_mb(fake)
    columns = ["module", "role", "shape", "bytes", "held_by"]
    assert real[columns].astype(str).equals(fake[columns].astype(str))


@given(points=st.integers(1, 50), width=st.integers(2, 20), layers=st.integers(1, 4))
@settings(max_examples=10)
def test_roles_of_a_perceptron_add_up(points, width, layers):
    table = mlp_step(points, width, layers, fake=True)
    sizes = table.groupby("role")["bytes"].sum()
    weights = layers * (width + 1) * width * F32
    assert sizes["parameter"] == weights and sizes["input"] == points * width * F32
    assert sizes["optimizer state"] >= 2 * weights  # Adam's two moments and its counters
    kept = table[table["role"] == "saved for backward"]
    # Each tanh keeps its result, and the next layer the same storage; the square keeps a scalar.
    assert kept["bytes"].sum() == layers * points * width * F32 + F32
    assert (table["freed"] > table["born"]).all()


def test_a_storage_counts_once_however_many_views():
    x = torch.zeros(10, 10)
    model = nn.Linear(10, 1)

    def forward():
        views = [model.weight.view(-1)[i : i + 2] for i in range(5)]
        return (x @ model.weight.T).mean() + sum(v.sum() for v in views)

    table = memory.ledger(forward, model, inputs={"x": x, "row": x[0], "column": x[:, 0]})
    assert one(table, role="input")["held_by"] == "x, row, column"
    assert table.loc[table["role"] == "parameter", "bytes"].sum() == 11 * F32


def test_gradients_carry_the_name_of_their_parameter():
    table = mlp_step(layers=1)
    assert one(table, held_by="0.0.weight.grad")["module"] == "0.0"
    assert one(table, held_by="0.0.weight.exp_avg")["role"] == "optimizer state"
    assert one(table, held_by="PowBackward0, TanhBackward0")["module"] == "0.1"


def test_recomputed_parts_are_not_kept_over_the_forward_pass():
    plain, again = mlp_step(points=4096, layers=4), mlp_step(points=4096, layers=4, recompute=True)
    assert (again["held_by"] == "computed again").any()
    assert memory.saved_mb(again) < memory.saved_mb(plain)


def test_sums_by_module_and_role_are_the_peak(literal):
    present = memory.at_peak(literal)
    sums = memory.by_module_and_role(present)
    assert sums.loc["total", "total"] == pytest.approx(memory.peak_mb(literal))
    assert sums.index[0] == "convlstm" and set(sums.columns) <= {*memory.ROLES, "total"}


def test_what_gives_no_loss_is_said():
    with pytest.raises(InputError, match="forward gives int without a gradient"):
        memory.ledger(lambda: 3, nn.Linear(1, 1))


# The process


def test_peak_of_the_process_follows_what_is_allocated():
    if not memory.reset_peak():
        pytest.skip("the system does not let the peak begin anew")
    before = memory.resident_mb()
    block = torch.ones(10_000_000)
    del block
    assert 35 < memory.peak_resident_mb() - before < 60
