"""The residual field's value on columns of altitudes, with everything computed as rarely as it changes.

At one time the drivers and the temporal network give one shift of the decoder. A column's place gives one input of the
spatial network's first layer, to which an altitude only adds. The linear end of that network and the linear start of
the decoder are one matrix. What remains for each point is its hidden layers.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear

from rstmrf.model.coordinates import ALT_CENTRE_KM, ALT_HALF_RANGE_KM, spatial_features, temporal_features
from rstmrf.model.field import ResidualField
from rstmrf.runtime import in_threads

ALTITUDE_FEATURE = {"document": 2, "unit-vector": 3}
_CHUNK = 4096  # points evaluated together: few enough for cache, enough for a matrix product


class ColumnField:
    """A residual field made ready for columns; its weights are copied, so train no further.

    Args:
        field: the trained residual field.
    """

    @torch.no_grad()
    def __init__(self, field: ResidualField):
        self.field, spatial = field, field.spatial
        of_space, self._of_time = field.decoder[0].weight.split(spatial.last.out_features, dim=1)
        self._first = (spatial.first.weight * spatial.input_omega, spatial.first.bias * spatial.omega_0)
        # sin(ω(Wx + b)) has ω in its matrix and bias, for one pass over the points less
        self._hidden = [(spatial.omega_0 * layer.weight.T, spatial.omega_0 * layer.bias) for layer in spatial.hidden]
        # tanh z is 2σ(2z) − 1, and σ takes half the time of tanh
        self._joined = 2 * (of_space @ spatial.last.weight).T.contiguous()
        self._joined_bias = field.decoder[0].bias + of_space @ spatial.last.bias
        end = field.decoder[1]
        self._end = (2 * end.weight, end.bias - end.weight.sum())

    @torch.no_grad()
    def __call__(
        self,
        lat: Float[Tensor, " c"],
        lon: Float[Tensor, " c"],
        alt_km: Float[Tensor, " z"],
        hours: float,
        sw_seq: Float[Tensor, "s 2"],
    ) -> Float[Tensor, "c z"]:
        """Residual of log10 Ne over places [deg] at altitudes [km] and one time [h since start] with its window."""
        bias = 2 * (self._joined_bias + linear(self._driven_time(hours, sw_seq), self._of_time))
        weight, first_bias = self._first
        coords = torch.stack([lat, lon, torch.full_like(lat, ALT_CENTRE_KM), torch.full_like(lat, hours)], dim=1)
        of_place = linear(spatial_features(coords, self.field.coordinate_mode, 1)[0], weight, first_bias)
        height = (alt_km - ALT_CENTRE_KM) / ALT_HALF_RANGE_KM
        of_alt = height[:, None] * weight[:, ALTITUDE_FEATURE[self.field.coordinate_mode]]
        # sin(place + altitude) from the sines and cosines of both
        (sin_place, cos_place), (sin_alt, cos_alt) = ((x.sin(), x.cos()) for x in (of_place[:, None], of_alt))
        out = lat.new_empty(len(lat), len(alt_km))

        @torch.no_grad()
        def fill(columns):
            hidden = (sin_place[columns] * cos_alt).addcmul_(cos_place[columns], sin_alt).flatten(0, 1)
            other = torch.empty_like(hidden)
            for matrix, shift in self._hidden:
                torch.addmm(shift, hidden, matrix, out=other).sin_()
                hidden, other = other, hidden
            hidden = torch.addmm(bias, hidden, self._joined).sigmoid_()
            out[columns] = linear(hidden, *self._end).view(-1, len(alt_km))

        step = max(1, _CHUNK // len(alt_km))
        in_threads(fill, [slice(first, first + step) for first in range(0, len(lat), step)])
        return out

    def _driven_time(self, hours, sw_seq):
        """h_temporal `[basis]` of one time and its window of drivers."""
        time = torch.tensor([hours], dtype=self._joined.dtype)
        features = temporal_features(time, self.field.time_mode, self.field.duration_hours)
        return self.field.temporal(features)[0] + self.field.drivers(sw_seq[None])[0]
