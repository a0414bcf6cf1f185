"""Training on Lightning: the step is ours; loop, checkpoints, logs and devices are Lightning's."""

import logging
import math
import warnings
from pathlib import Path

import lightning as L
import pandas as pd
import torch
from lightning.pytorch.callbacks import (
    EarlyStopping,
    EMAWeightAveraging,
    LearningRateMonitor,
    ModelCheckpoint,
    TQDMProgressBar,
)
from lightning.pytorch.loggers import CSVLogger

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.errors import InputError
from rstmrf.model.whole import RSTMRF
from rstmrf.runtime import keep_freed_memory
from rstmrf.training.callbacks import MEMORY_COLUMNS, MemoryLog
from rstmrf.training.checkpoints import LAST, CheckpointFiles, read_checkpoint
from rstmrf.training.losses import loss_terms, total_loss
from rstmrf.training.ranks import shared_terms


class TrainingModule(L.LightningModule):
    """The step: predict, weigh the terms, log them; AdamW with warm-up and cosine."""

    def __init__(self, config: RunConfig, duration_hours: float):
        super().__init__()
        self.config = config
        self.model = RSTMRF(config, duration_hours)
        self._random_state = torch.get_rng_state()

    def on_fit_start(self):
        torch.set_rng_state(self._random_state)  # with several processes Lightning has begun the draw anew

    def training_step(self, batch, batch_index):
        terms = shared_terms(loss_terms(batch, self.model, self.config), batch, self.config)
        if "sigma" in terms and self.current_epoch < self.config.sigma_warmup_epochs:
            terms["sigma"] = 0.0 * terms["sigma"]  # the first errors are not what is to be learned
        total = total_loss(terms, self.config)
        logged = {f"train_{name}": value for name, value in {**terms, "total": total}.items()}
        self.log_dict(logged, on_step=False, on_epoch=True, batch_size=len(batch.target_ne), sync_dist=True)
        return total

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        """The gradient of σ is clipped apart from the others', so that stating σ leaves the prediction as it is."""
        spread = self.model.spread
        own = set(spread.parameters()) if spread is not None else set()
        given = [p for group in optimizer.param_groups for p in group["params"]]
        for part in ([p for p in given if p not in own], [p for p in given if p in own]):
            if part and gradient_clip_val:
                torch.nn.utils.clip_grad_norm_(part, gradient_clip_val)

    def validation_step(self, batch, batch_index):
        error = self.model.log10_density(batch) - batch.target_ne
        self.log("dev_mse", torch.mean(error**2), batch_size=len(error), sync_dist=True)

    def on_validation_epoch_end(self):
        self.log("dev_rmse_dex", torch.sqrt(self.trainer.callback_metrics["dev_mse"]))

    def configure_optimizers(self):
        c = self.config
        matrices = [p for p in self.parameters() if p.ndim > 1]
        vectors = [p for p in self.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": c.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        # Under mixed precision gradients are unscaled before they are clipped, which the fused step would do itself.
        optimizer = torch.optim.AdamW(groups, lr=c.learning_rate, fused=not c.use_amp)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        warmup = min(c.warmup_steps, steps // 2)

        def rate(step):
            if step < warmup:
                return (step + 1) / (warmup + 1)
            return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train(data: RunData, run_dir, *, resume: bool = False, progress: bool = False, **trainer_options) -> RSTMRF:
    """Train with early stopping on the development part and return the model of the best epoch.

    Args:
        data: the run's data; its `config` rules.
        run_dir: folder for checkpoints (`checkpoints/`), `metrics.csv` and `config.json`.
        resume: go on from `checkpoints/last.ckpt`.
        progress: show a bar.
        trainer_options: passed to `lightning.Trainer`, as `devices` or `strategy` for more than one process.

    Raises:
        InputError: `resume` without a checkpoint, or with one of other settings.
    """
    config, run_dir = data.config, Path(run_dir)
    keep_freed_memory()
    L.seed_everything(config.seed, verbose=False)
    module = TrainingModule(config, data.duration_hours)
    best, callbacks = _callbacks(config, run_dir, progress)
    last = run_dir / "checkpoints" / LAST
    log, earlier = run_dir / "metrics.csv", None
    if resume:
        _check_resumable(last, run_dir, config)
        earlier = pd.read_csv(log) if log.exists() else None
    run_dir.mkdir(parents=True, exist_ok=True)
    config.save(run_dir / "config.json")
    with _quiet():
        trainer = L.Trainer(
            max_epochs=config.epochs,
            callbacks=callbacks,
            plugins=[CheckpointFiles(config.compress, config.save_optimizer)],
            logger=CSVLogger(run_dir.parent, name=run_dir.name, version=""),
            gradient_clip_val=config.gradient_clip,
            precision=_precision(config),
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            reload_dataloaders_every_n_epochs=1,  # epochs differ by a few batches
            **{"accelerator": "auto", "devices": 1, **trainer_options},
        )
        trainer.fit(module, data, ckpt_path=last if resume else None, weights_only=True)
    if earlier is not None and trainer.is_global_zero:  # Lightning's log begins anew
        pd.concat([earlier, *([pd.read_csv(log)] if log.exists() else [])]).to_csv(log, index=False)
    module.load_state_dict(read_checkpoint(best.best_model_path)["state_dict"])
    return module.model.eval().cpu()


def history(run_dir) -> pd.DataFrame:
    """One row an epoch: the loss terms and `dev_rmse_dex`, from the run's `metrics.csv`."""
    log = pd.read_csv(Path(run_dir) / "metrics.csv")
    rows = log.dropna(subset=["epoch"]).groupby("epoch").first()
    return rows.drop(columns=["step", *MEMORY_COLUMNS], errors="ignore")


def memory_history(run_dir) -> pd.DataFrame:
    """Memory of the process [MB] by training step, `process_mb` and on a GPU `cuda_mb`, from `metrics.csv`."""
    log = pd.read_csv(Path(run_dir) / "metrics.csv")
    noted = log.reindex(columns=["step", *MEMORY_COLUMNS]).dropna(subset=["process_mb"])
    return noted.set_index("step").dropna(axis="columns", how="all")


def _callbacks(config, run_dir, progress):
    folder = run_dir / "checkpoints"
    best = ModelCheckpoint(folder, "best-{epoch:03d}", monitor="dev_rmse_dex")
    callbacks = [
        best,
        EarlyStopping("dev_rmse_dex", patience=config.patience),
        LearningRateMonitor("epoch"),
        MemoryLog(),
    ]
    if not config.save_best_only:
        every = config.save_interval
        callbacks.append(ModelCheckpoint(folder, "{epoch:03d}", every_n_epochs=every, save_top_k=-1))
    # `save_last=True` would copy the best instead of the last, and never overwrite the file of an earlier run.
    callbacks.append(ModelCheckpoint(folder, "last", monitor="step", mode="max", enable_version_counter=False))
    if config.average_decay:
        callbacks.append(EMAWeightAveraging(decay=config.average_decay))
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    return best, callbacks


def _check_resumable(last: Path, run_dir: Path, config: RunConfig) -> None:
    if not last.exists():
        raise InputError(f"resume: {last} is not there; train first, or give the run_dir of a run that was stopped")
    saved = RunConfig.load(run_dir / "config.json")
    other = [key for key, value in saved if value != getattr(config, key) and key not in ("epochs", "patience")]
    if other:
        raise InputError(f"resume: {', '.join(other)} differ from the run in {run_dir}; only epochs and patience may")


def _precision(config: RunConfig) -> str:
    if not config.use_amp:
        return "32-true"
    return "16-mixed" if torch.cuda.is_available() else "bf16-mixed"


class _quiet:
    """Lightning tells of devices and loaders at length; errors still pass."""

    def __enter__(self):
        self._loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
        self._levels = [log.level for log in self._loggers]
        for log in self._loggers:
            log.setLevel(logging.ERROR)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.filterwarnings("ignore", module="lightning")

    def __exit__(self, *error):
        self._warnings.__exit__(*error)
        for log, level in zip(self._loggers, self._levels, strict=True):
            log.setLevel(level)
