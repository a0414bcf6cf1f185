"""Products through oneDNN are those of torch's `@`, and so are their gradients."""

import pytest
import torch
from torch.autograd import grad

from rstmrf.model.products import linear, product


@pytest.mark.parametrize("shape", [(7, 5), (3, 7, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_product_is_that_of_the_plain_operator(shape, dtype):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(shape, dtype=dtype), torch.randn(4, 5, dtype=dtype), torch.randn(4, dtype=dtype)
    with torch.no_grad():
        torch.testing.assert_close(product(x, weight, bias), x @ weight.T + bias)
        transposed = product(x.transpose(-1, -2).contiguous().transpose(-1, -2), weight.T.contiguous().T)
        torch.testing.assert_close(transposed, x @ weight.T)


def test_no_points_are_no_failure():
    with torch.no_grad():
        assert product(torch.empty(0, 5), torch.randn(4, 5)).shape == (0, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_first_and_second_gradients_are_those_of_the_plain_operator(dtype):
    torch.manual_seed(0)
    given = [torch.randn(s, dtype=dtype, requires_grad=True) for s in ((7, 5), (4, 5), (4,))]

    def derivatives(of):
        value = torch.sin(of(*given)).sum()
        first = grad(value, given, create_graph=True)
        return [*first, *grad(sum((g**2).sum() for g in first), given)]

    for ours, plain in zip(derivatives(linear), derivatives(lambda x, w, b: x @ w.T + b), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_transforms_of_torch_pass_through():
    """Forward and reverse transforms give the derivative of a linear map: its matrix."""
    weight = torch.rand(3, 4)
    for transform in (torch.func.jacfwd, torch.func.jacrev):
        jacobian = transform(lambda x: linear(x[None], weight)[0])(torch.rand(4))
        assert torch.allclose(jacobian, weight)
