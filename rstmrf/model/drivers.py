"""Space weather: an LSTM over Kp and F10.7, on unique windows only."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

KP_SCALE, F107_CENTRE_SFU, F107_SCALE_SFU = 9.0, 120.0, 80.0


class SpaceWeatherEncoder(nn.Module):
    """LSTM over a window of Kp and F10.7, then an MLP: the shift β that the temporal features receive.

    Args:
        width: of the LSTM and of β.
        layers: of the LSTM.
    """

    def __init__(self, width: int, layers: int):
        super().__init__()
        self.lstm = nn.LSTM(2, width, layers, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width))

    def forward(self, sw_seq: Float[Tensor, "n s 2"]) -> Float[Tensor, "n width"]:
        """β of each window from Kp (0 to 9) and F10.7 [sfu]."""
        scaled = torch.stack([sw_seq[..., 0] / KP_SCALE, (sw_seq[..., 1] - F107_CENTRE_SFU) / F107_SCALE_SFU], dim=-1)
        z_env = self.lstm(scaled)[0][:, -1]
        return self.mlp(z_env)
