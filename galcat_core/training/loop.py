"""The training loop: a run folder in, its weights, history and report out; the same bits after any interruption."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from galcat_core import models, runs  # first, since it imports TensorFlow quietly

# isort: split
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from galcat_core.datasets.pipeline import Batches, Pictures, shuffled
from galcat_core.errors import GalcatError
from galcat_core.files import whole
from galcat_core.images.store import CutoutStore
from galcat_core.jobs.crew import threads_each
from galcat_core.progress import bar
from galcat_core.tables import write_table
from galcat_core.training import checkpoint, schedule
from galcat_core.training.distributed import Workers
from galcat_core.training.figures import finish, in_short, row_of, validated
from galcat_core.training.schedule import Progress, Stage, learning_rate
from galcat_core.training.steps import compiled, optimizer_for

if TYPE_CHECKING:
    from galcat_core.runs import Run

CHECKPOINT_SHARE = 100.0  # training lasts so much longer than the checkpoints that it waits for


def fit(
    run: Run, workers: Workers, store: CutoutStore | None = None
) -> tuple[keras.Model, Progress]:
    """Train a run to its end, from its last checkpoint on if there is one.

    Each step averages the gradient of the weighted cross-entropy over the pictures of all workers.
    After an epoch the validation loss, over all validation galaxies exactly, decides what is kept,
    when the rate is halved and when it is enough; the loss is weighted as the training's is,
    accuracies count pictures. A run that starts from a parent's weights keeps these where no epoch
    is better. Each stage of a pretrained network (`schedule.stages`) begins with
    the best weights so far and a new optimiser.

    Parameters
    ----------
    run : Run
        As `fit.train` began it.
    workers : Workers
        This worker among the others.
    store : CutoutStore, optional
        The store the run names, where it is open already.

    Returns
    -------
    model : keras.Model
        With the last weights, not the best.
    progress : Progress

    Raises
    ------
    GalcatError
        The store or the number of workers is not what the run was begun with, or the loss is no
        number any more.
    """
    if workers.size != run.info["workers"]:
        raise GalcatError(
            f"{run.folder} was begun with {run.info['workers']} workers, not {workers.size}; start "
            "as many"
        )
    keep_threads(run, workers)
    # some operations are faster, and their sums come out otherwise each time, without it
    tf.config.experimental.enable_op_determinism()
    settings, network = run.config.train, models.of(run)
    stages = schedule.stages(settings, network.STAGES, run.info["parent"] is not None)
    model = _model(run, workers)
    progress = checkpoint.progress_of(run.folder)
    training, validation = _batches(run, workers, store or open_store(run))
    course = _Course(run, workers, model, progress, training, validation.validation())

    for number in range(progress.stage, len(stages)):
        stage = stages[number]
        network.set_learning(model, stage.layers)
        optimizer = optimizer_for(model, settings)
        if number == progress.stage:
            checkpoint.load(run.folder, model, optimizer)
        else:
            progress.next_stage()
            if workers.first:
                checkpoint.load_weights(model, run.weights)  # the best of the stages before
        workers.spread([v for v in model.variables if not checkpoint.is_dropout_state(v)])
        workers.spread(optimizer.variables)
        steps = compiled(model, optimizer, workers, settings.xla)
        if run.info["parent"] and (progress.epoch, progress.step) == (0, 0):
            course.count_parent_in(steps[1])
        of = f"stage {number + 1}/{len(stages)}, " if len(stages) > 1 else ""
        while not progress.ended(stage, settings):
            title = f"{run.name}: {of}epoch {progress.stage_epoch + 1}/{stage.epochs}"
            row = course.epoch(stage, optimizer, steps, title)
            best = progress.close_epoch(row, settings)
            if workers.first:
                course.keep(optimizer, best, progress.ended(stage, settings))

    finish(run, workers, model, progress, progress.ended(stages[-1], settings))
    return model, progress


def keep_threads(run: Run, workers: Workers) -> None:
    """Compute with as many threads as the run began with, on however many cores it goes on.

    Sums come out otherwise, in their last bits, when they are parted among more or fewer threads.
    With several workers the number of workers decides.
    """
    begun = (run.info.get("computed_on") or {}).get("threads")
    if begun and workers.size == 1:
        with contextlib.suppress(RuntimeError):  # TensorFlow has computed already in this process
            tf.config.threading.set_intra_op_parallelism_threads(int(begun))


@dataclass
class _Course:
    """What the epochs of a training have in common."""

    run: Run
    workers: Workers
    model: keras.Model
    progress: Progress
    training: Batches
    checked: tf.data.Dataset
    saved: float = field(default_factory=time.monotonic)  # when the last checkpoint was made
    cost_seconds: float = 0.0  # of the last checkpoint
    best: list[np.ndarray] | None = None  # the best weights, where the file does not yet have them

    def epoch(
        self, stage: Stage, optimizer: keras.Optimizer, steps: tuple, title: str
    ) -> dict[str, float]:
        """Learn from each galaxy once, validate, and return a row of the history."""
        settings, augment = self.run.config.train, self.run.config.augment
        workers, progress, (learn, judge) = self.workers, self.progress, steps
        epoch, first, n = progress.epoch, progress.step, len(self.training.labels)
        # (steps,), of all workers
        counts = self.training.plan(shuffled(n, settings.seed, epoch)).counts
        began = time.monotonic()
        with bar(len(counts), title, "steps", disable=not workers.first) as shown:
            shown.update(first)
            batches = self.training.training(epoch, settings.seed, augment, first)
            for step, (images, label, weight) in enumerate(batches, first):
                # images (b, H, W, 3), label (b,), weight (b,): this worker's share of counts[step]
                rate = learning_rate(settings, stage, progress, len(counts), workers.size)
                share = workers.size / counts[step]
                totals = learn(images, label, weight, tf.constant(share), tf.constant(rate))
                progress.totals = [
                    a + b for a, b in zip(progress.totals, totals.numpy(), strict=True)
                ]
                progress.step = step + 1
                shown.set_postfix_str(in_short(progress.totals), refresh=False)
                shown.update()
                if workers.first and self.is_time(settings.checkpoint_seconds):
                    now = time.monotonic()
                    progress.seconds, began = progress.seconds + now - began, now
                    self.save(optimizer)
            trained = progress.seconds + time.monotonic() - began

            sums = self.validate(judge)
            seconds = progress.seconds + time.monotonic() - began
            rate = float(f"{float(optimizer.learning_rate.numpy()):.7g}")  # of the last step
            row = row_of(progress, sums, rate, n / trained, seconds)
            row["val_loss"] = workers.agree(row["val_loss"])
            shown.set_postfix_str(
                f"{in_short(progress.totals)} {in_short(sums, 'val_')}", refresh=False
            )
        if not np.isfinite(row["val_loss"]):
            raise GalcatError(
                f"{self.run.folder}: the loss is {row['val_loss']} in epoch {epoch + 1}; lower "
                "train.learning_rate and train into a new folder"
            )
        return row

    def validate(self, judge: Callable) -> np.ndarray:
        """Return the sums (loss, weight, right, pictures) over the validation galaxies of all workers."""
        sums = tf.zeros(4, tf.float64)
        for images, label, weight in self.checked:
            sums += judge(images, label, weight)
        return self.workers.sum(sums).numpy()

    def count_parent_in(self, judge: Callable) -> None:
        """Let the weights that the run begins with be the first that may be kept.

        With a few galaxies to learn from every epoch may be a step back.
        """
        found = validated(self.validate(judge))
        found["val_loss"] = self.workers.agree(found["val_loss"])
        self.progress.best_loss, self.progress.began_with = found["val_loss"], found
        if self.workers.first:
            self.best = self.model.get_weights()

    def is_time(self, pause_seconds: float) -> bool:
        """Tell whether a checkpoint may be made: after a pause, so long that it costs under 1%."""
        if self.run.config.train.checkpoint_seconds == 0.0:
            return True
        pause_seconds = max(pause_seconds, CHECKPOINT_SHARE * self.cost_seconds)
        return time.monotonic() - self.saved >= pause_seconds

    def keep(self, optimizer: keras.Optimizer, best: bool, ended: str) -> None:
        """Keep what an epoch has brought: its row at once, the rest where it is time, or the stage over."""
        if best:
            self.best = self.model.get_weights()
        if ended or self.is_time(0.0):
            self.save(optimizer)
        write_table(pd.DataFrame(self.progress.history), self.run.folder / "history.csv")

    def save(self, optimizer: keras.Optimizer) -> None:
        """Write the best weights, if the file has others, and then the checkpoint that counts on them."""
        began = time.monotonic()
        if self.best is not None:
            now = self.model.get_weights()
            self.model.set_weights(self.best)
            with whole(self.run.folder / "weights.weights.h5") as temporary:
                # keras wants the suffix, and `whole` keeps it
                self.model.save_weights(temporary)
            self.model.set_weights(now)
            self.best = None
        checkpoint.save(self.run.folder, self.model, optimizer, self.progress)
        self.saved = time.monotonic()
        self.cost_seconds = self.saved - began


def _model(run: Run, workers: Workers) -> keras.Model:
    """Build the network as it begins: the same weights on every worker, dropout masks of its own."""
    settings = run.config.train
    model = models.of(run).build(
        settings.seed, settings.seed + workers.rank, precision=settings.precision
    )
    if (run.folder / runs.START).is_file():
        checkpoint.load_weights(model, run.folder / runs.START)
    return model


def _batches(run: Run, workers: Workers, store: CutoutStore) -> tuple[Batches, Batches]:
    """Return the batches to learn from and those to validate on."""
    settings, samples, positive = run.config.train, run.samples, run.positive
    made = []
    for name in ("train", "validation"):
        table = samples[samples["set"] == name]
        pictures = Pictures(
            store,
            store.rows_of(table["id"].to_numpy()),
            models.of(run),
            copies=workers.local_size,
            quiet=not workers.first,
            renderings=store.renderings if name == "train" and seen_otherwise(run) else (),
        )
        made.append(
            Batches(
                pictures,
                table["label"] == positive,
                table["weight"],
                settings.batch_size,
                workers.rank,
                workers.size,
                threads=threads_each(workers.local_size),
            )
        )
    return made[0], made[1]


def seen_otherwise(run: Run) -> bool:
    """Tell whether a run learns from pictures in other surveys' looks too."""
    return bool(run.info["store"].get("renderings"))


def open_store(run: Run) -> CutoutStore:
    """Open the store that a run was begun with.

    Raises
    ------
    GalcatError
        It is not where it was, or its pictures are others.
    """
    told = run.info["store"]
    path = os.path.normpath(run.folder / told["path"])
    mend = "name the store in `galcat train` again"
    try:
        store = CutoutStore.open(path)
    except GalcatError as error:
        raise GalcatError(
            f"{run.folder} learns from {path}, moved or gone: {error}; {mend}"
        ) from error
    others = [other.digest for other in store.renderings] if seen_otherwise(run) else []
    if [store.digest, *others] != [told["digest"], *told.get("renderings", [])]:
        raise GalcatError(
            f"{run.folder} was begun with other pictures than those that are in {path} now; "
            "train into a new folder"
        )
    return store
