"""Keras's part of the training bench (on TensorFlow, CPU): images a second while training one network on random images, printed as JSON.

Usage: keras_train.py plain|bn|model1 BATCH STEPS THREADS plain|jit (compiled without XLA, or with it). float32, Adam, `train_on_batch`; the first two steps are not counted.
"""

import json
import os
import sys
import time

network, batch, steps, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
jit = sys.argv[5] == "jit"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import numpy  # noqa: E402
import tensorflow  # noqa: E402
from keras import layers  # noqa: E402

tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
tensorflow.config.threading.set_inter_op_parallelism_threads(1)
keras.utils.set_random_seed(1)


def convolution(filters, normalised):
    if not normalised:
        return [layers.Conv2D(filters, 3, padding="same", activation="relu")]
    return [layers.Conv2D(filters, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU()]


def small(normalised):
    features = [*convolution(32, normalised), *convolution(32, normalised), layers.MaxPooling2D(2)]
    features += [*convolution(64, normalised), *convolution(64, normalised), layers.MaxPooling2D(2)]
    return [*features, layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(100)]


def original():
    features = [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2), layers.Conv2D(64, 3, activation="relu")]
    features += [layers.Conv2D(128, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    return [*features, layers.Dense(128, activation="relu"), layers.Dense(100)]


body = original() if network == "model1" else small(network == "bn")
model = keras.Sequential([keras.Input((32, 32, 3)), *body])
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss_of, jit_compile=jit)
generator = numpy.random.default_rng(1)
images = generator.standard_normal((batch, 32, 32, 3), dtype="float32")
labels = generator.integers(0, 100, batch)

times, busy = [], []
for step in range(-2, steps):
    start, before = time.perf_counter(), time.process_time()
    model.train_on_batch(images, labels)
    if step >= 0:
        times.append(1000 * (time.perf_counter() - start))
        busy.append(1000 * (time.process_time() - before))
print(json.dumps({"times": times, "busy": busy, "version": f"Keras {keras.__version__}, TensorFlow {tensorflow.__version__}"}))
