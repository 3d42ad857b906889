"""The training loop: a run folder in, its weights, history and report out; the same bits after any interruption."""

from __future__ import annotations

import os
import time
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
from galcat_core.progress import bar
from galcat_core.provenance import digest
from galcat_core.tables import write_table
from galcat_core.training import checkpoint
from galcat_core.training.distributed import Workers, threads_each
from galcat_core.training.schedule import Progress, learning_rate, most_epochs

if TYPE_CHECKING:
    from galcat_core.runs import Run


def fit(
    run: Run, workers: Workers, store: CutoutStore | None = None
) -> tuple[keras.Model, Progress]:
    """Train a run to its end, from its last checkpoint on if there is one.

    Each step averages the gradient of the weighted cross-entropy over the pictures of all workers.
    After an epoch the validation loss, over all validation galaxies exactly, decides what is kept,
    when the rate is halved and when it is enough; the loss is weighted as the training's is,
    accuracies count pictures.

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
    # some operations are faster, and their sums come out otherwise each time, without it
    tf.config.experimental.enable_op_determinism()
    settings, augment = run.config.train, run.config.augment
    fine_tuning = run.info["parent"] is not None
    epochs = most_epochs(settings, fine_tuning)
    model, optimizer = _network(run, workers)
    progress = checkpoint.load(run.folder, model, optimizer)
    workers.spread([v for v in model.variables if not checkpoint.is_dropout_state(v)])
    workers.spread(optimizer.variables)

    training, validation = _batches(run, workers, store or open_store(run))
    learn, judge = _steps(model, optimizer, workers)
    checked = validation.validation()
    n = len(training.labels)
    steps = len(training.plan(np.arange(n)).counts)

    while not progress.ended(settings, fine_tuning):
        epoch, first = progress.epoch, progress.step
        counts = training.plan(shuffled(n, settings.seed, epoch)).counts  # (steps,), all workers
        title = f"{run.name}: epoch {epoch + 1}/{epochs}"
        began = saved = time.monotonic()
        with bar(steps, title, "steps", disable=not workers.first) as shown:
            shown.update(first)
            batches = training.training(epoch, settings.seed, augment, first)
            for step, (images, label, weight) in enumerate(batches, first):
                # images (b, H, W, 3), label (b,), weight (b,): this worker's share of counts[step]
                rate = learning_rate(settings, progress, steps, workers.size, fine_tuning)
                share = workers.size / counts[step]
                totals = learn(images, label, weight, tf.constant(share), tf.constant(rate))
                progress.totals = [
                    a + b for a, b in zip(progress.totals, totals.numpy(), strict=True)
                ]
                progress.step = step + 1
                shown.set_postfix_str(_told(progress.totals), refresh=False)
                shown.update()
                now = time.monotonic()
                if workers.first and now - saved > settings.checkpoint_seconds:
                    progress.seconds, began, saved = progress.seconds + now - began, now, now
                    checkpoint.save(run.folder, model, optimizer, progress)
            trained = progress.seconds + time.monotonic() - began

            sums = tf.zeros(4, tf.float64)
            for images, label, weight in checked:
                sums += judge(images, label, weight)
            sums = workers.sum(sums).numpy()
            seconds = progress.seconds + time.monotonic() - began
            rate = float(f"{float(optimizer.learning_rate.numpy()):.7g}")  # of the last step
            row = _row(epoch + 1, progress.totals, sums, rate, n / trained, seconds)
            row["val_loss"] = workers.agree(row["val_loss"])
            shown.set_postfix_str(f"{_told(progress.totals)} {_told(sums, 'val_')}", refresh=False)
        if not np.isfinite(row["val_loss"]):
            raise GalcatError(
                f"{run.folder}: the loss is {row['val_loss']} in epoch {epoch + 1}; lower "
                "train.learning_rate and train into a new folder"
            )

        best = progress.close_epoch(row, settings)
        if workers.first:
            if best:
                with whole(run.folder / "weights.weights.h5") as temporary:
                    # keras wants the suffix, and `whole` keeps it
                    model.save_weights(temporary)
            checkpoint.save(run.folder, model, optimizer, progress)
            write_table(pd.DataFrame(progress.history), run.folder / "history.csv")

    _finish(run, workers, model, progress, fine_tuning)
    return model, progress


def _network(run: Run, workers: Workers) -> tuple[keras.Model, keras.Optimizer]:
    """Build network and optimiser: the same weights on every worker, dropout masks of its own."""
    settings = run.config.train
    network = models.network(run.network)
    model = network.build(settings.seed, settings.seed + workers.rank)
    if run.info["parent"] is not None:
        parent = network.build()
        parent.load_weights(run.folder / runs.START)
        model.set_weights(parent.get_weights())  # not the state of its dropouts
    network.set_learning(model, settings.layers)
    optimizer = keras.optimizers.Adam(settings.learning_rate)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def _batches(run: Run, workers: Workers, store: CutoutStore) -> tuple[Batches, Batches]:
    """Return the batches to learn from and those to validate on."""
    settings, samples, positive = run.config.train, run.samples, run.positive
    made = []
    for name in ("train", "validation"):
        table = samples[samples["set"] == name]
        pictures = Pictures(
            store,
            store.rows_of(table["id"].to_numpy()),
            models.network(run.network),
            copies=workers.local_size,
            quiet=not workers.first,
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


def _steps(model: keras.Model, optimizer: keras.Optimizer, workers: Workers) -> tuple:
    """Return the two compiled steps: learn from a batch, judge a batch."""
    learning = [v.value for v in model.trainable_variables]

    def measure(label, weight, probability):  # all (b,) -> losses (b,), sums (4,)
        losses = weight * keras.losses.binary_crossentropy(label[:, None], probability[:, None])
        real = tf.cast(weight > 0, tf.float32)
        right = real * tf.cast((probability >= 0.5) == (label > 0.5), tf.float32)
        sums = [tf.reduce_sum(tf.cast(x, tf.float64)) for x in (losses, weight, right, real)]
        return losses, tf.stack(sums)

    @tf.function(reduce_retracing=True)
    def learn(images, label, weight, share, rate):
        optimizer.learning_rate.assign(rate)
        with tf.GradientTape() as tape:
            probability = model(images, training=True)[:, 0]  # (b,)
            losses, sums = measure(label, weight, probability)
            # share = workers / pictures of all: the average over workers is that over pictures
            loss = tf.reduce_sum(losses) * tf.cast(share, tf.float32)
        gradients = workers.averaged(tape).gradient(loss, learning)
        optimizer.apply(gradients, model.trainable_variables)
        return workers.sum(sums)

    @tf.function(reduce_retracing=True)
    def judge(images, label, weight):
        return measure(label, weight, model(images, training=False)[:, 0])[1]

    return learn, judge


def _row(
    epoch: int, train: list[float], check: np.ndarray, rate: float, speed: float, seconds: float
) -> dict[str, float]:
    """Return a row of the history from the sums (loss, weight, right, pictures)."""
    return {
        "epoch": epoch,
        "loss": float(train[0] / train[1]),
        "accuracy": float(train[2] / train[3]),
        "val_loss": float(check[0] / check[1]),
        "val_accuracy": float(check[2] / check[3]),
        "learning_rate": rate,
        "images_per_second": round(speed, 2),
        "seconds": round(seconds, 3),
    }


def _told(sums: list[float] | np.ndarray, prefix: str = "") -> str:
    return f"{prefix}loss {sums[0] / sums[1]:.4f} {prefix}accuracy {sums[2] / sums[3]:.4f}"


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
    if store.digest != told["digest"]:
        raise GalcatError(
            f"{run.folder} was begun with other pictures than those that are in {path} now; "
            "train into a new folder"
        )
    return store


def _finish(
    run: Run, workers: Workers, model: keras.Model, progress: Progress, fine_tuning: bool
) -> None:
    """Check that the workers agree and write the report, which ends the run."""
    total = float(sum(np.abs(weight).sum(dtype=np.float64) for weight in model.get_weights()))
    if not workers.same(total):
        raise GalcatError(f"{run.folder}: the workers' weights differ at the end; train it anew")
    if not workers.first:
        return
    best = progress.history[progress.best_epoch - 1]
    settings = run.config.train
    report = {
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "ended": progress.ended(settings, fine_tuning),
        **{k: best[k] for k in ("loss", "accuracy", "val_loss", "val_accuracy")},
        "seconds": round(sum(row["seconds"] for row in progress.history), 3),
        "workers": workers.size,
        "weights": digest(run.weights),
    }
    runs.seal(run, report["weights"])
    runs.write_json(run.folder / "report.json", report)
