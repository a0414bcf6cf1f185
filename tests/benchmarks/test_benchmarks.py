"""The literal design and the library's document mode are the same function, and memory is counted in bytes."""

import pytest
import torch

from benchmarks import machine
from benchmarks.literal import LiteralRSTMRF, literal_loss
from benchmarks.train_step import HOURS, copy_weights, make_batch
from rstmrf.config import RunConfig
from rstmrf.model.whole import RSTMRF
from rstmrf.presets import DOCUMENT_MODE
from rstmrf.training.losses import loss_terms, total_loss


@pytest.fixture(scope="module")
def pair():
    """The literal model and the library's in document mode, with the same weights; the proxy of IRI gives zero."""
    torch.manual_seed(0)
    literal = LiteralRSTMRF(duration_hours=HOURS)
    torch.nn.init.zeros_(literal.iri_proxy[-1].weight)
    torch.nn.init.zeros_(literal.iri_proxy[-1].bias)
    model = RSTMRF(RunConfig(**DOCUMENT_MODE), HOURS)
    copy_weights(literal, model)
    return literal.double(), model.double()


def test_residual_is_that_of_the_literal_design(pair):
    literal, model = pair
    batch = _double(make_batch(64, 3, height=10, width=19))
    ours = model.residual_field(batch.coords, batch.unique_sw_seq, batch.tec_indices)[0]
    torch.testing.assert_close(ours, literal.density(batch.coords, batch.sw_seq), rtol=1e-9, atol=1e-12)


def test_gradient_of_the_loss_is_that_of_nested_autograd(pair):
    """Of data and curvature; directions differ by design, for the literal ConvLSTM has a seam."""
    literal, model = pair
    batch = _double(make_batch(64, 3, height=10, width=19))
    batch.background.zero_()
    config = RunConfig(**DOCUMENT_MODE, w_tec_direction=0.0)
    total_loss(loss_terms(batch, model, config), config).backward()
    inputs = (batch.coords, batch.target_ne, batch.sw_seq, batch.unique_tec_map_seq, batch.tec_indices)
    literal_loss(literal, *inputs, w_direction=0.0).backward()
    ours = model.residual_field.spatial.hidden[0].weight.grad
    theirs = literal.spatial[1].linear.weight.grad
    assert (ours - theirs).norm() / theirs.norm() < 1e-9


def test_convlstm_of_the_literal_design_saves_more_than_a_gigabyte_for_backward():
    """12.9 kB a cell of the map: 13.6 MB a window, so 100 windows of 46 × 91 cells keep more than 1.1 GB."""
    literal = LiteralRSTMRF()
    maps = torch.rand(2, 6, 1, 46, 91)
    saved = machine.saved_for_backward_mb(lambda: literal.head(literal.convlstm(maps)))
    assert 1_050 < saved / 2 * 100 < 1_350


def test_memory_for_backward_does_not_grow_with_the_windows():
    """Beyond a group of windows what is kept is the gradient of the parameters, whatever their number."""
    config = RunConfig(window_group_size=2)
    model = RSTMRF(config, HOURS)
    kept = [
        machine.saved_for_backward_mb(lambda n=n: total_loss(loss_terms(make_batch(64, n), model, config), config))
        for n in (2, 4, 8)
    ]
    assert kept[0] > 20 and kept[1] < 4 and kept[2] - kept[1] < 4 * 0.1  # a window's own maps and weights


def test_an_index_copies_what_four_corners_do_not():
    field, window = torch.rand(100, 2, 46, 91), torch.randint(0, 100, (2048,))
    assert field[window].untyped_storage().nbytes() == 2048 * 2 * 46 * 91 * 4  # 68.6 MB


def _double(batch):
    from dataclasses import fields, replace

    tensors = {f.name: getattr(batch, f.name) for f in fields(batch)}
    return replace(batch, **{k: v.double() for k, v in tensors.items() if v is not None and v.is_floating_point()})
