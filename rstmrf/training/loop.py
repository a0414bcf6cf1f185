"""Training on Lightning: the step is ours; loop, checkpoints, logs and devices are Lightning's."""

from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import (
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    TQDMProgressBar,
)

from rstmrf.data.direction_table import DirectionTable
from rstmrf.data.run_data import RunData
from rstmrf.files import writing
from rstmrf.model.whole import RSTMRF
from rstmrf.runtime import keep_freed_memory
from rstmrf.training import guard
from rstmrf.training.callbacks import HandBack, MemoryLog, ObservationErrorOfPairs, averaging
from rstmrf.training.checkpoints import read_checkpoint
from rstmrf.training.head import learn_directions
from rstmrf.training.inversion import InversionTargets
from rstmrf.training.losses import epoch_shares, loss_terms, means, total_loss
from rstmrf.training.run_folder import CHECKPOINTS, HEAD, go_on, held, identity, start_anew
from rstmrf.training.schedule import warm_up_and_cosine
from rstmrf.training.terms import shared_terms
from rstmrf.training.trainer import Epochs, keep_best, keep_last, make_trainer, quiet

GO_ON = "what was saved there is whole, and resume=True goes on from the last epoch"


class TrainingModule(L.LightningModule):
    """The step: predict, weigh the terms, log them; AdamW with warm-up and cosine.

    Args:
        model: an `RSTMRF`; its direction field learns here only where it learns beside the density.
        run: `identity` of the data, which every checkpoint carries.
    """

    def __init__(self, model: RSTMRF, run: dict[str, str] | None = None):
        super().__init__()
        self.config, self.model, self.run = model.config, model, run or {}
        joint = self.config.uses_directions and not self.config.directions_first
        model.direction_field.requires_grad_(joint)

    def training_step(self, batch, batch_index):
        terms = loss_terms(batch, self.model, self.config, self._loss_scale())
        guard.check_terms(means(terms), guard.inputs_of(batch), self.global_step)
        terms = shared_terms(terms)
        total = total_loss(self._at_this_epoch(terms), self.config)
        logged = {f"train_{name}": term.mean for name, term in terms.items()} | {"train_total": total}
        self.log_dict(logged, on_step=False, on_epoch=True, batch_size=len(batch.target_ne), sync_dist=True)
        return total

    def _at_this_epoch(self, terms):
        """Terms as much as they count now: σ not while the first errors last, the direction by its ramp."""
        shares = epoch_shares(self.current_epoch, self.config)
        now = {name: terms[name] for name, share in shares.items() if name in terms and share < 1}
        return terms | {name: term._replace(total=shares[name] * term.total) for name, term in now.items()}

    def _loss_scale(self) -> float:
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        return 1.0 if scaler is None else scaler.get_scale()

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        """The gradient of σ is clipped apart from the others', so that stating σ leaves the prediction as it is."""
        spread = self.model.spread
        own = set(spread.parameters()) if spread is not None else set()
        given = [p for group in optimizer.param_groups for p in group["params"]]
        for part in ([p for p in given if p not in own], [p for p in given if p in own]):
            if part and gradient_clip_val:
                norm = torch.nn.utils.clip_grad_norm_(part, gradient_clip_val)
                if self._loss_scale() == 1.0:  # a loss scaler meets overflow by itself
                    guard.check_gradient(norm, self.global_step)

    def on_train_epoch_end(self):
        guard.check_weights(self.model, self.global_step)

    def validation_step(self, batch, batch_index):
        error = self.model.log10_density(batch) - batch.target_ne
        self.log("dev_mse", torch.mean(error**2), batch_size=len(error), sync_dist=True)

    def on_validation_epoch_end(self):
        self.log("dev_rmse_dex", torch.sqrt(self.trainer.callback_metrics["dev_mse"]))

    def configure_optimizers(self):
        c = self.config
        learned = [p for p in self.parameters() if p.requires_grad]
        matrices, vectors = ([p for p in learned if (p.ndim > 1) == wide] for wide in (True, False))
        groups = [{"params": matrices, "weight_decay": c.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        # Under mixed precision gradients are unscaled before they are clipped, which the fused step would do itself.
        optimizer = torch.optim.AdamW(groups, lr=c.learning_rate, fused=not c.use_amp)
        return warm_up_and_cosine(optimizer, c.warmup_steps, self.trainer)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["run"] = self.run


def train(data: RunData, run_dir, *, resume: bool = False, progress: bool = False, **trainer_options) -> RSTMRF:
    """Train with early stopping on the development part and return the model of the best epoch.

    Where directions are to be learned first, the ConvLSTM is trained alone before, in `run_dir/head`.

    Args:
        data: the run's data; its `config` rules.
        run_dir: folder for checkpoints (`checkpoints/`), `metrics.csv` and `config.json`; what an earlier run left
            there, its weights and scores too, is taken away, unless it is resumed.
        resume: go on where a run in this folder was stopped.
        progress: show a bar.
        trainer_options: passed to `lightning.Trainer`, as `devices` or `strategy` for more than one process.

    Raises:
        InputError: `resume` without a run, or with one of other settings or other data; a loss, gradient or weight that
            is not finite; another run in this folder; a folder that cannot be written, or a full disk.
        KeyboardInterrupt: the run was interrupted; what was saved is whole.
    """
    run_dir = Path(run_dir)
    keep_freed_memory()
    with writing(run_dir, f"free space there, or give another run_dir; {GO_ON}"):
        if not resume:
            run_dir.mkdir(parents=True, exist_ok=True)
        with held(run_dir):
            try:
                return _train(data, run_dir, resume, {"enable_progress_bar": progress, **trainer_options})
            except SystemExit:  # so Lightning ends a run that is interrupted, and a notebook's kernel with it
                raise KeyboardInterrupt(f"training in {run_dir} was interrupted; {GO_ON}") from None


def _train(data: RunData, run_dir: Path, resume: bool, options: dict) -> RSTMRF:
    config, given = data.config, data
    run, last = identity(data), None
    if resume:
        last = go_on(run_dir, config, run)
    else:
        start_anew(run_dir, config)
    L.seed_everything(config.seed, verbose=False)
    model = RSTMRF(config, data.duration_hours)
    if _to_be_learned(data):
        if last is None:
            learn_directions(model.direction_field, data, run_dir / HEAD, resume=resume, **options)
        else:
            model.load_state_dict(_weights(last))
        data = data.with_directions(DirectionTable.tabulate(model.direction_field, data.processor))
    module = TrainingModule(model, run)
    best = keep_best(run_dir / CHECKPOINTS, "dev_rmse_dex")
    with quiet():
        callbacks = _callbacks(data, run_dir / CHECKPOINTS, best, options["enable_progress_bar"])
        trainer = make_trainer(config, run_dir, config.epochs, callbacks, options)
        trainer.fit(module, Epochs(data), ckpt_path=last, weights_only=True)
    given.targets, given.weights = data.targets, data.weights  # baselines are made of the same
    model.load_state_dict(_weights(best.best_model_path))
    return model.eval().cpu()


def _to_be_learned(data: RunData) -> bool:
    config = data.config
    return config.uses_directions and config.directions_first and data.directions is None


def _weights(checkpoint) -> dict:
    """The model's weights in a checkpoint of `TrainingModule`."""
    state = read_checkpoint(checkpoint)["state_dict"]
    return {name.removeprefix("model."): value for name, value in state.items()}


def _callbacks(data: RunData, folder: Path, best, progress: bool) -> list:
    config = data.config
    stopping = EarlyStopping("dev_rmse_dex", patience=config.patience)
    callbacks = [best, stopping, LearningRateMonitor("epoch"), MemoryLog(), HandBack()]
    if not config.save_best_only:
        callbacks.append(ModelCheckpoint(folder, "{epoch:03d}", every_n_epochs=config.save_interval, save_top_k=-1))
    callbacks.append(keep_last(folder))
    if config.average_decay:
        callbacks.append(averaging(config.average_decay))
    if config.observation != "density":
        callbacks.append(InversionTargets(data))  # after the average, whose weights it sees at validation
    if config.w_sigma:
        callbacks.append(ObservationErrorOfPairs(data))
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    return callbacks
