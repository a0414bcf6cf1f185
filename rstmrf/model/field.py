"""The residual field: what is added to log10 Ne of IRI, with its derivatives."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rstmrf.config import RunConfig
from rstmrf.model import jets
from rstmrf.model.coordinates import N_SPATIAL, N_TEMPORAL, spatial_features, temporal_features
from rstmrf.model.drivers import SpaceWeatherEncoder
from rstmrf.model.products import linear
from rstmrf.model.siren import Siren

DECODER_WIDTH = 128


class ResidualField(nn.Module):
    """Spatial SIREN and driven temporal SIREN, joined by a decoder. TEC enters its value by `tec_input` alone.

    Args:
        config: widths, frequencies and the forms of coordinates and time.
        duration_hours: length of the run, the unit of the document's time.
    """

    def __init__(self, config: RunConfig, duration_hours: float):
        super().__init__()
        self.coordinate_mode, self.time_mode = config.coordinate_mode, config.time_mode
        self.duration_hours = duration_hours
        sizes = (config.siren_hidden, config.basis_dim, config.siren_layers, config.omega_0)
        self.sees_tec = config.tec_input
        n_spatial = N_SPATIAL[config.coordinate_mode] + self.sees_tec
        omega = [config.omega_0] * n_spatial
        omega[2 if config.coordinate_mode == "document" else 3] = config.omega_alt or config.omega_0
        self.spatial = Siren(n_spatial, *sizes, input_omega=omega)
        of_time = [config.omega_0] * N_TEMPORAL[config.time_mode]
        if config.time_mode == "elapsed":
            of_time[-1] = config.omega_elapsed
        self.temporal = Siren(len(of_time), *sizes, input_omega=of_time)
        self.drivers = SpaceWeatherEncoder(config.basis_dim, config.lstm_layers, config.driver_inputs)
        self.decoder = nn.ModuleList([nn.Linear(2 * config.basis_dim, DECODER_WIDTH), nn.Linear(DECODER_WIDTH, 1)])
        with torch.no_grad():  # start close to IRI
            self.decoder[1].weight *= 0.1
            self.decoder[1].bias.zero_()

    def forward(
        self,
        coords: Float[Tensor, "b 4"],
        sw_seq: Float[Tensor, "n s 2"],
        window: Int[Tensor, " b"],
        order: int = 1,
        tec: Float[Tensor, "5 b"] | None = None,
    ) -> Float[Tensor, "k b"]:
        """Residual of log10 Ne at points; order 1: `[1, B]`, order 5: with the derivatives of `jets`, `[5, B]`.

        `tec` is what `tec_jet` gives, for a field that sees TEC (`tec_input`), and for no other.
        """
        time = temporal_features(coords[:, 3], self.time_mode, self.duration_hours)
        # Concatenated, time's half of the decoder's matrix meets zeros in every derivative: it only shifts the value.
        of_space, of_time = self.decoder[0].weight.split(self.spatial.last.out_features, dim=1)
        # A network's linear end and the decoder's first matrix follow each other: one matrix.
        of_window = linear(self.drivers(sw_seq) + self.temporal.last.bias, of_time, self.decoder[0].bias)
        of_window = of_window + of_space @ self.spatial.last.bias
        shift = linear(self.temporal.waves(time), of_time @ self.temporal.last.weight)
        shift = shift + of_window.index_select(0, window)
        joined = jets.Layer(of_space @ self.spatial.last.weight, shift, "tanh")
        features = spatial_features(coords, self.coordinate_mode, order)
        if self.sees_tec:
            features = torch.cat([features, tec[:order, :, None]], dim=2)  # pyright: ignore[reportOptionalSubscript]
        residual = jets.network(features, [*self.spatial.layers(), joined], self.decoder[1].weight[0])
        return torch.cat([residual[:1] + self.decoder[1].bias, residual[1:]])
