"""Highest values that a setting can be meant to have; a file may ask for any, and nothing of such a size is made."""

from rstmrf.errors import InputError, quoted

_COUNT, _WIDTH, _LAYERS, _HOURS, _WEIGHT = 1 << 24, 8192, 64, 8784, 1e6
HIGHEST: dict[str, float] = {
    **dict.fromkeys(("batch_size", "physics_points", "collocation_points", "warmup_steps"), _COUNT),
    **dict.fromkeys(
        (
            "epochs",
            "head_epochs",
            "patience",
            "save_interval",
            "sigma_warmup_epochs",
            "direction_ramp_epochs",
            "bins_per_batch",
        ),
        100_000,
    ),
    **dict.fromkeys(("seed", "split_seed"), 2**32 - 1),
    **dict.fromkeys(("basis_dim", "siren_hidden", "tec_feat_dim"), _WIDTH),
    **dict.fromkeys(("siren_layers", "lstm_layers", "convlstm_layers"), _LAYERS),
    **dict.fromkeys(("gap_hours", "collocation_windows"), _HOURS),
    **dict.fromkeys(
        ("w_chapman", "w_tec_direction", "w_sigma", "w_head", "learning_rate", "head_learning_rate", "gradient_clip"),
        _WEIGHT,
    ),
    **dict.fromkeys(("omega_0", "omega_alt", "omega_elapsed", "weight_decay"), 1e4),
    **dict.fromkeys(("scale_height_km", "direction_peak_km", "direction_width_km"), 2000.0),
    "seq_len": 240,
    "ensemble_size": 100,
    "longitude_jitter_deg": 180.0,
}


def check_highest(settings) -> None:
    """Raise InputError at the first setting above `HIGHEST`; None passes."""
    for key, highest in HIGHEST.items():
        value = getattr(settings, key, None)
        if value is not None and value > highest:
            raise InputError(f"{key}={quoted(value)} is not accepted; at most {highest:,.0f} can be meant")
