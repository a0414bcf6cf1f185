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
        inputs: "both", "kp" or "none"; an index that is left out is seen at the middle of its range always.
    """

    def __init__(self, width: int, layers: int, inputs: str = "both"):
        super().__init__()
        self.sees = {"both": (1.0, 1.0), "kp": (1.0, 0.0), "none": (0.0, 0.0)}[inputs]
        self.lstm = nn.LSTM(2, width, layers, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width))

    def forward(self, sw_seq: Float[Tensor, "n s 2"]) -> Float[Tensor, "n width"]:
        """β of each window from Kp (0 to 9) and F10.7 [sfu]."""
        kp, f107 = sw_seq[..., 0] / KP_SCALE, (sw_seq[..., 1] - F107_CENTRE_SFU) / F107_SCALE_SFU
        scaled = torch.stack([self.sees[0] * kp, self.sees[1] * f107], dim=-1)
        z_env = self.lstm(scaled)[0][:, -1]
        return self.mlp(z_env)
