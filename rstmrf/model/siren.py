"""SIREN: sines of linear maps, with the initialisation that keeps their statistics through depth.

Source: Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activation Functions, arXiv:2006.09661.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rstmrf.model import jets


class Siren(nn.Module):
    """First layer, `layers` hidden layers, linear end; every layer multiplies by ω₀ what its initialisation divides.

    Args:
        inputs, hidden, outputs: widths.
        layers: hidden layers after the first.
        omega_0: frequency of hidden layers, and of the first where `input_omega` says nothing else.
        input_omega: one frequency for each input.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, layers: int, omega_0: float, input_omega=None):
        super().__init__()
        self.omega_0 = omega_0
        omega = torch.full((inputs,), float(omega_0)) if input_omega is None else torch.as_tensor(input_omega)
        self.register_buffer("input_omega", omega.float(), persistent=False)
        self.first = nn.Linear(inputs, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers))
        self.last = nn.Linear(hidden, outputs)
        nn.init.uniform_(self.first.weight, -1 / inputs, 1 / inputs)
        for layer in (*self.hidden, self.last):
            bound = math.sqrt(6 / hidden) / omega_0
            nn.init.uniform_(layer.weight, -bound, bound)

    def layers(self) -> list[jets.Layer]:
        """The sine layers, without the linear end; their frequencies are multiplied into weights and biases."""
        first = jets.Layer(self.first.weight * self.input_omega, self.first.bias * self.omega_0, "sine")
        hidden = (jets.Layer(la.weight * self.omega_0, la.bias * self.omega_0, "sine") for la in self.hidden)
        return [first, *hidden]

    def forward(self, x: Float[Tensor, "b i"]) -> Float[Tensor, "b o"]:
        """Values at inputs."""
        return self.last(self.waves(x))

    def waves(self, x: Float[Tensor, "b i"]) -> Float[Tensor, "b hidden"]:
        """Values of the last sine layer."""
        for layer in self.layers():
            x = jets.activate(layer, x)
        return x
