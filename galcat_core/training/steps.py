"""The compiled steps of training: a batch in, the network's weights changed, or its loss measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from galcat_core.training.distributed import Workers

if TYPE_CHECKING:
    from galcat_core.sections import Train


def optimizer_for(model: keras.Model, settings: Train) -> keras.Optimizer:
    """Return a new optimiser for the variables that learn now."""
    optimizer = keras.optimizers.Adam(
        settings.learning_rate, weight_decay=settings.weight_decay or None
    )
    if settings.precision == "mixed_float16":
        # gradients too small for half precision would vanish
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def compiled(
    model: keras.Model, optimizer: keras.Optimizer, workers: Workers, xla: bool = False
) -> tuple:
    """Return the two steps of an epoch, compiled for the layers that learn now.

    Parameters
    ----------
    model : keras.Model
        Gives one probability or those of both classes; the last one is the positive class's.
    optimizer : keras.Optimizer
        Of `optimizer_for`.
    workers : Workers
        Gradients, and the statistics of batch normalisations that learn, are averaged over them.
    xla : bool
        Compile with XLA: slower to start, other roundings, other dropout masks of the same seed.

    Returns
    -------
    learn : callable
        images (b, H, W, 3), label (b,), weight (b,), workers / pictures of all in this step, rate ->
        sums over all workers of weighted loss, weight, pictures right, pictures: (4,), float64.
    judge : callable
        images, label, weight -> this worker's sums.
    """
    learning = [v.value for v in model.trainable_variables]
    statistics = [
        v.value
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        for v in (layer.moving_mean, layer.moving_variance)
    ]
    # what workers tell each other cannot be compiled by XLA, so it stays outside
    fused = tf.function(jit_compile=True, reduce_retracing=True) if xla else lambda work: work

    def measure(label, weight, probability):  # all (b,) -> losses (b,), sums (4,)
        losses = weight * keras.losses.binary_crossentropy(label[:, None], probability[:, None])
        real = tf.cast(weight > 0, tf.float32)
        right = real * tf.cast((probability >= 0.5) == (label > 0.5), tf.float32)
        sums = [tf.reduce_sum(tf.cast(x, tf.float64)) for x in (losses, weight, right, real)]
        return losses, tf.stack(sums)

    @fused
    def gradients_of(images, label, weight, share):
        with tf.GradientTape() as tape:
            probability = model(images, training=True)[:, -1]  # (b,), of one or of both classes
            losses, sums = measure(label, weight, probability)
            # share = workers / pictures of all: the average over workers is that over pictures
            loss = tf.reduce_sum(losses) * tf.cast(share, tf.float32)
            loss = optimizer.scale_loss(loss)
        return tape.gradient(loss, learning), sums

    @tf.function(reduce_retracing=True)
    def learn(images, label, weight, share, rate):
        optimizer.learning_rate.assign(rate)
        gradients, sums = gradients_of(images, label, weight, share)
        optimizer.apply(workers.average(gradients), model.trainable_variables)
        # each worker's batch normalisation saw other pictures; all keep the same statistics
        if workers.size > 1:
            for variable, value in zip(statistics, workers.average(statistics), strict=True):
                variable.assign(value)
        return workers.sum(sums)

    @tf.function(reduce_retracing=True, jit_compile=xla or None)
    def judge(images, label, weight):
        return measure(label, weight, model(images, training=False)[:, -1])[1]

    return learn, judge
