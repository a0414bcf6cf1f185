"""Sets of changes to the settings: presets, and the design document's own form."""

from typing import Any

#: What a preset changes; the document's sections "CPU, 8 GB" and "GPU, 4 GB"; the embedded sample
#: (studies/sample_direction.py); and weeks of profiles, by what was tried on a simulated month (studies/month.py)
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "cpu-8gb": {
        "batch_size": 512,
        "epochs": 30,
        "basis_dim": 48,
        "siren_hidden": 96,
        "siren_layers": 2,
        "seq_len": 4,
        "tec_downsample_factor": 6,
        "tec_feat_dim": 12,
        "convlstm_layers": 1,
        "w_chapman": 0.1,
        "w_tec_direction": 0.02,
        "save_best_only": True,
        "save_interval": 10,
    },
    "gpu-4gb": {"batch_size": 1024, "use_amp": True},
    "sample": {
        "batch_size": 512,
        "epochs": 7,
        "patience": 4,
        "learning_rate": 2e-3,
        "longitude_jitter_deg": 30.0,
        "tec_downsample_factor": 6,
        "tec_feat_dim": 12,
        "w_tec_direction": 0.1,
        "collocation_points": 1024,
        "collocation_hours": "all",
        "collocation_altitude": "column",
    },
    "month": {
        "epochs": 16,
        "patience": 8,
        "learning_rate": 2e-3,
        "split": "days",
        "time_mode": "elapsed",
        "tec_downsample_factor": 6,
        "direction_source": "observed",
        "w_tec_direction": 0.2,
        "collocation_points": 1024,
        "collocation_hours": "all",
        "collocation_altitude": "column",
        "collocation_windows": 8,
        "inversion_every_epochs": 2,
    },
}
#: Days to come: what tells days of a month apart, their number and F10.7, misleads there (studies/forecasts.py)
PRESETS["forecast"] = {
    **PRESETS["month"],
    "split": "last-days",
    "mode": "forecast",
    "time_mode": "diurnal",
    "driver_inputs": "kp",
}

#: Settings that give the design document's form wherever ours departs from it.
DOCUMENT_MODE: dict[str, Any] = {
    "coordinate_mode": "document",
    "time_mode": "document",
    "direction_mode": "document",
    "direction_training": "joint",
    "collocation_points": 0,
    "collocation_altitude": "peak",
    "chapman_mode": "document",
    "chapman_target": "fused",
    "omega_0": 30.0,
    "omega_alt": 30.0,
    "weight_decay": 0.0,
    "average_decay": 0.0,
    "longitude_jitter_deg": 0.0,
}
