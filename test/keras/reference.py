"""What Keras itself makes of a backbone: weights files with random numbers, images, and the features of these images.

    python reference.py <backbone> <folder> <side> [<side> …]

Writes into the folder:
    published.h5     the layout of the published files; statistics of the input are those of ImageNet where the model has any
    own.weights.h5   as Keras 3 saves weights: the same, but for statistics of the input as a user's own model may have them
    facts.json       layers, parameters, shapes of the features
    <side>.images    float32, pixels 0–255
    <side>.published float32: features, of Keras's preprocess_input and the model with published.h5 as its ImageNet weights
    <side>.own       float32: features, the same with own.weights.h5
    <side>.gradients float32: of the features' sum of squares in inference mode, with own.weights.h5; trained weights in order
"""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import h5py
import keras
import numpy as np
import tensorflow as tf

FAMILIES = {
    "EfficientNetB0": "efficientnet",
    "EfficientNetB1": "efficientnet",
    "MobileNet": "mobilenet",
    "NASNetMobile": "nasnet",
    "ResNet50": "resnet",
}


def randomise(model, random):
    """Kernels stay as Keras draws them; all that Keras starts at 0 or 1 becomes random."""
    for layer in model.layers:
        kind = layer.__class__.__name__
        values = layer.get_weights()
        if kind == "BatchNormalization":
            size = values[0].shape
            values = [
                random.uniform(0.5, 1.5, size),
                random.normal(0, 0.2, size),
                random.normal(0, 0.2, size),
                random.uniform(0.5, 1.5, size),
            ]
        elif kind == "Normalization":
            # The published files have deviations where the layer takes variances.
            values = [np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), values[2]]
        else:
            values = [random.normal(0, 0.1, value.shape) if value.ndim == 1 else value for value in values]
        layer.set_weights(values)


def save_published_layout(model, path):
    """As Keras 2 saved weights: names as attributes of fixed length, weights with ":0" at the end of their names."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name.encode() for layer in model.layers])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.4.0"
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0".encode() for weight in layer.weights]
            group.attrs["weight_names"] = np.array(names)
            for name, value in zip(names, layer.get_weights()):
                group.create_dataset(name.decode(), data=value)


def gradients_of(model, images):
    """In inference mode: batch norm over a few images of one pixel has gradients that magnify the last bit a millionfold."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(images, training=False)))
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    return np.concatenate([gradient.numpy().ravel() for gradient in gradients])


def main(name, folder, sides):
    random = np.random.default_rng(1)
    family = getattr(keras.applications, FAMILIES[name])
    make = getattr(keras.applications, name)
    keras.utils.set_random_seed(1)
    keras.backend.clear_session()
    model = make(weights=None, include_top=False, input_shape=(sides[0], sides[0], 3))
    randomise(model, random)
    published = str(folder / "published.h5")
    save_published_layout(model, published)
    own = str(folder / "own.weights.h5")
    for layer in model.layers:
        if layer.name == "normalization":
            layer.set_weights([np.array([0.4, 0.5, 0.6]), np.array([0.05, 0.06, 0.07]), layer.get_weights()[2]])
    model.save_weights(own)
    facts = {
        "keras": keras.__version__,
        "layers": [layer.name for layer in model.layers],
        "parameters": model.count_params(),
        "features": {},
    }
    # Keras's own way to its ImageNet weights, which ends at our file instead of a download.
    keras.src.utils.file_utils.get_file = lambda *_, **__: published
    for side in sides:
        images = random.uniform(0, 255, (3, side, side, 3)).astype("float32")
        images.tofile(folder / f"{side}.images")
        for weights, kind in (("imagenet", "published"), (own, "own")):
            model = make(weights=weights, include_top=False, input_shape=(side, side, 3))
            features = model.predict(family.preprocess_input(images.copy()), verbose=0)
            features.tofile(folder / f"{side}.{kind}")
        gradients_of(model, family.preprocess_input(images.copy())).tofile(folder / f"{side}.gradients")
        facts["features"][side] = features.shape
    (folder / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    main(sys.argv[1], target, [int(side) for side in sys.argv[3:]])
