"""One frozen, validated set of settings for a run, and its presets."""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from rstmrf.config_checks import check_together, refusal
from rstmrf.errors import InputError
from rstmrf.files import read_json, write_whole
from rstmrf.limits import check_highest
from rstmrf.presets import PRESETS


class RunConfig(BaseModel):
    """Settings of a run. Keys are the design document's where it has one; units stand in the descriptions.

    Build it with `RunConfig.preset(name, **changes)`; save and read it as JSON with `save` and `load`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    # Training
    batch_size: int = Field(2048, ge=1, description="points a step")
    epochs: int = Field(50, ge=1, description="passes over the training points, at most")
    learning_rate: float = Field(1e-3, gt=0, description="peak rate of AdamW")
    weight_decay: float = Field(0.1, ge=0, description="AdamW's, on weight matrices")
    warmup_steps: int = Field(50, ge=0, description="steps of linear warm-up before the cosine")
    average_decay: float = Field(0.99, ge=0, lt=1, description="a step, of the weights' running average; 0: none")
    gradient_clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    patience: int = Field(10, ge=1, description="epochs without a better development score before stopping")
    seed: int = Field(0, ge=0, description="of weights, batches and splits")
    ensemble_size: int = Field(
        1,
        ge=1,
        description="models, of seeds from `seed` on, that are trained in turn and asked together",
    )
    use_amp: bool = Field(False, description="mixed precision; derivatives stay float32")
    bin_hours: int = Field(1, ge=1, le=24, description="h; points of a bin of this length stay together")
    bins_per_batch: int = Field(4, ge=1, description="bins, drawn over the run, whose points share a batch")
    longitude_jitter_deg: float = Field(
        0.0,
        ge=0,
        description="deg; data points are moved this far (1 σ) in longitude at fixed local time, each step anew",
    )
    holdout_hours: int = Field(3, ge=1, le=24, description="h; length of the blocks that split='hours' holds out")
    split: Literal["hours", "days", "last-days", "random"] = Field(
        "hours", description="what is held out; last-days: a forecast; random shows the leak"
    )
    split_seed: int | None = Field(None, ge=0, description="of the split alone; null: seed")
    gap_hours: int | None = Field(
        None, ge=0, description="h; unused on both sides of held-out days; null: the longest window"
    )

    # Model
    basis_dim: int = Field(64, ge=1, description="width of h_spatial, h_temporal, z_env")
    siren_hidden: int = Field(128, ge=1, description="width of hidden SIREN layers")
    siren_layers: int = Field(3, ge=1, description="hidden SIREN layers after the first")
    omega_0: float = Field(2.0, gt=0, description="frequency of every SIREN layer; the document: 30")
    omega_alt: float | None = Field(4.0, gt=0, description="first-layer frequency of altitude; null: omega_0")
    coordinate_mode: Literal["unit-vector", "document"] = Field("unit-vector", description="document: lat/90, lon/180")
    time_mode: Literal["diurnal", "elapsed", "document"] = Field(
        "diurnal", description="diurnal: universal time; elapsed: and days since start; document: absolute time alone"
    )
    omega_elapsed: float = Field(10.0, gt=0, description="rad/day; first-layer frequency of the days since start")
    tec_input: bool = Field(False, description="TEC's value as an input too, for comparison: the design has it not")
    lstm_layers: int = Field(2, ge=1, description="layers of the space-weather LSTM")

    driver_inputs: Literal["both", "kp", "none"] = Field(
        "both", description="indices the model sees; F10.7 of a month tells its days apart, which a forecast must not"
    )

    # TEC context
    seq_len: int = Field(6, ge=1, description="h; hours in a window, the last one included")
    driver_hours: int | None = Field(None, ge=1, le=240, description="h of Kp and F10.7 in a window; null: seq_len")
    tec_downsample_factor: int = Field(4, ge=1, description="of the 181×361 maps; divides 180")
    tec_feat_dim: int = Field(16, ge=1, description="channels of the ConvLSTM")
    convlstm_layers: int = Field(1, ge=1, description="layers of the ConvLSTM")
    window_group_size: Annotated[int, Field(ge=1)] | Literal["all"] = Field(
        4, description="windows kept for backward at once; a number from 1 on, or 'all'"
    )
    lead_hours: int = Field(0, ge=0, le=48, description="h; how long before a point's hour its window of maps ends")
    tec_frame: Literal["earth", "sun"] = Field(
        "earth", description="sun: maps of a window are turned to the Sun's place at the target's hour first"
    )
    shuffle_tec: bool = Field(False, description="control: every hour has the map of another one")
    missing_hours: Literal["error", "mask"] = Field("error", description="mask: leave out points that need them")

    # Losses
    w_chapman: float = Field(0.1, ge=0, description="weight of the curvature loss: vertical smoothness")
    w_tec_direction: float = Field(0.05, ge=0, description="weight of the direction loss")
    w_sigma: float = Field(0.0, ge=0, description="weight of the uncertainty's own likelihood; 0: none is stated")
    sigma_warmup_epochs: int = Field(2, ge=0, description="epochs before the uncertainty learns from the errors")
    w_head: float = Field(1.0, ge=0, description="weight of the direction head's own supervision")
    chapman_mode: Literal["scale-height", "document"] = Field(
        "scale-height", description="document: normalised altitude"
    )
    chapman_target: Literal["residual", "fused"] = Field("residual", description="whose curvature is penalised")
    scale_height_km: float = Field(50.0, gt=0, description="km; H that makes the curvature dimensionless")
    direction_mode: Literal["metric", "document"] = Field(
        "metric", description="metric: east and north in 1/km, supervised head, weighted by altitude; document: degrees"
    )
    direction_source: Literal["network", "observed"] = Field(
        "network", description="network: ConvLSTM; observed: gradient of the maps themselves, nothing is learned"
    )
    direction_training: Literal["first", "joint"] = Field(
        "first",
        description="first: the ConvLSTM learns from the maps before the density does, and its directions are "
        "tabulated; joint: both in every step, as the document form always has it",
    )
    head_epochs: int = Field(20, ge=1, description="passes over the hours of the maps, at most, of the ConvLSTM alone")
    head_learning_rate: float = Field(1e-2, gt=0, description="peak rate of AdamW for the ConvLSTM alone")
    direction_by_strength: bool = Field(False, description="the direction loss weighs points by TEC's gradient, too")
    direction_hinge: float = Field(1.0, gt=0, le=1, description="cosines above it cost nothing; 1: all cost (metric)")
    direction_ramp_epochs: int = Field(
        0, ge=0, description="epochs in which the weight of the direction rises from 0 to its own; 0: whole at once"
    )
    direction_peak_km: float = Field(350.0, gt=0, description="km; where the direction weighs most")
    direction_width_km: float = Field(100.0, gt=0, description="km; e-folding half width of that weight")

    # What an observation is
    observation: Literal["density", "inverted", "slant"] = Field(
        "density",
        description="density: as reported; inverted: less what inversion makes of the field; slant: TEC of the ray",
    )
    inversion_from_epoch: int = Field(
        0, ge=0, description="before which targets are first corrected; 0: at the start, through IRI alone"
    )
    inversion_every_epochs: int = Field(4, ge=1, description="epochs between corrections, through the model then")
    inversion_limit_dex: float = Field(0.25, gt=0, description="dex; largest correction of a target either way")
    night_low_weight: float = Field(
        1.0, ge=0, le=1, description="share of observed departures from IRI believed below 200 km in the dark; 0: none"
    )

    # Collocation: where the physics losses are evaluated
    physics_points: int | None = Field(
        None, ge=1, description="of a batch's observations, for the physics losses, drawn each step; null: all"
    )
    collocation_points: int = Field(
        0, ge=0, description="a batch; physics losses are evaluated there; 0: at the observations"
    )
    collocation_hours: Literal["seen", "all"] = Field(
        "seen", description="seen: hours that hold training points; all: wherever TEC is known in this mode"
    )
    collocation_altitude: Literal["peak", "uniform", "fixed", "column"] = Field(
        "peak",
        description="peak: normal about direction_peak_km; uniform: 120 to 500 km; fixed: direction_peak_km; "
        "column: in columns, whose integrated density has the direction of TEC",
    )
    collocation_windows: int = Field(2, ge=1, description="hours drawn for a batch's points where hours are 'all'")
    mode: Literal["analysis", "forecast"] = Field(
        "analysis",
        description="analysis: maps of held-out hours may be used; forecast: nothing after the last observed",
    )

    # Files
    save_best_only: bool = Field(False, description="keep only the best checkpoint")
    save_interval: int = Field(5, ge=1, description="epochs between periodic checkpoints")
    save_optimizer: bool = Field(True, description="False: of the checkpoints, only last.ckpt holds its state")
    compress: Literal["none", "gzip", "zstd"] = Field("none", description="of checkpoints")

    @field_validator("window_group_size", mode="before")
    @classmethod
    def _none_means_all(cls, value):
        """Settings saved by earlier versions say null."""
        return "all" if value is None else value

    def __init__(self, **settings):
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(refusal(error, type(self))) from None
        check_highest(self)
        check_together(self)

    @property
    def uses_directions(self) -> bool:
        """Whether the direction loss is asked for at all; a weight of zero costs nothing."""
        return self.w_tec_direction > 0

    @property
    def directions_first(self) -> bool:
        """Whether directions are known before the density is trained: observed ones, or the ConvLSTM's, tabulated."""
        if self.direction_mode == "document" and self.direction_source == "network":
            return False  # there the direction loss teaches the ConvLSTM, too
        return self.direction_source == "observed" or self.direction_training == "first"

    def windows_at_once(self, windows: int) -> int:
        """How many of some windows are kept for the backward pass at once."""
        return windows if self.window_group_size == "all" else min(self.window_group_size, windows)

    @classmethod
    def preset(cls, name: str = "default", **changes) -> "RunConfig":
        """Settings of a preset, with changes.

        A change of None keeps the preset's value; the text "null" stands for None where a setting may be None, because
        neither a command line nor papermill nor TOML has a value for it.

        Raises:
            InputError: an unknown preset or key, or a value that is not accepted; the sentence says what is.
        """
        if name not in PRESETS:
            raise InputError(f"preset={name!r} is unknown; use one of {', '.join(PRESETS)}")
        given = {key: value for key, value in changes.items() if value is not None}
        given = {key: None if value == "null" and cls.may_be_none(key) else value for key, value in given.items()}
        return cls(**{**PRESETS[name], **given})

    @classmethod
    def may_be_none(cls, key: str) -> bool:
        """Whether a setting may be None, which stands for what another setting says."""
        field = cls.model_fields.get(key)
        return field is not None and type(None) in get_args(field.annotation)

    def changed(self, **changes) -> "RunConfig":
        """A validated copy with changes."""
        return type(self)(**{**self.model_dump(), **changes})

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        write_whole(path, (self.model_dump_json(indent=2) + "\n").encode())

    @classmethod
    def load(cls, path: str | Path) -> "RunConfig":
        """Read what `save` wrote.

        Raises:
            InputError: no such file, no JSON, or settings that this version does not accept.
        """
        try:
            return cls(**read_json(path, "a run's settings"))
        except (TypeError, InputError) as error:
            raise InputError(f"{path}: cannot be read as a run's settings ({error})") from None
