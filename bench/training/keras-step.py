"""The peer of the native bench: `keras-step.py <plain | bn> <batch> <steps> <plain | jit>`. The same networks, batch and optimiser in Keras on
TensorFlow, a step a call of train_on_batch, compiled without XLA or with it. Prints the milliseconds of each step, by the clock and of the processor,
as JSON."""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def build(name):
    layers = [keras.Input((32, 32, 3))]
    for filters in (32, 64):
        for _ in range(2):
            if name == "plain":
                layers.append(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
            else:
                layers.append(keras.layers.Conv2D(filters, 3, padding="same", use_bias=False))
                layers.append(keras.layers.BatchNormalization())
                layers.append(keras.layers.Activation("relu"))
        layers.append(keras.layers.MaxPooling2D(2))
    layers += [keras.layers.Flatten(), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(100)]
    return keras.Sequential(layers)


name, batch, steps, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
model = build(name)
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    jit_compile=mode == "jit",
)
random = np.random.default_rng(1)
images = random.standard_normal((batch, 32, 32, 3), dtype=np.float32)
labels = random.integers(0, 100, batch)

times, busy, loss = [], [], 0.0
for step in range(-3, steps):
    start, before = time.perf_counter(), time.process_time()
    loss = float(model.train_on_batch(images, labels))
    if step >= 0:
        times.append((time.perf_counter() - start) * 1000)
        busy.append((time.process_time() - before) * 1000)
engine = f"Keras {keras.__version__}, TensorFlow {tf.__version__}{', XLA' if mode == 'jit' else ''}"
print(json.dumps({"engine": engine, "times": times, "busy": busy, "loss": loss}))
