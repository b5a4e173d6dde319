// Multinomial logistic regression, trained by mini-batch gradient descent on the cross-entropy with an L2 penalty
// (Hastie, Tibshirani, Friedman: The Elements of Statistical Learning, section 4.4).

/** Class probabilities of one image; weights are classes x (pixels + 1), the last column is the bias. */
export function predict(weights, images, index, { classes, pixels }, out) {
  let largest = -Infinity;
  for (let label = 0; label < classes; label++) {
    const row = label * (pixels + 1);
    let sum = weights[row + pixels];
    for (let pixel = 0; pixel < pixels; pixel++) sum += weights[row + pixel] * images[index * pixels + pixel];
    out[label] = sum;
    largest = Math.max(largest, sum);
  }
  let total = 0;
  for (let label = 0; label < classes; label++) total += out[label] = Math.exp(out[label] - largest);
  for (let label = 0; label < classes; label++) out[label] /= total;
  return out;
}

/** One step of gradient descent on the images of a batch; returns their mean loss. */
export function step(weights, data, batch, { learningRate, l2 }) {
  const { classes, pixels, images, labels } = data;
  const gradient = new Float64Array(weights.length);
  const probabilities = new Float64Array(classes);
  let loss = 0;
  for (const index of batch) {
    predict(weights, images, index, data, probabilities);
    loss -= Math.log(Math.max(probabilities[labels[index]], 1e-12));
    for (let label = 0; label < classes; label++) {
      const error = probabilities[label] - (label === labels[index] ? 1 : 0);
      const row = label * (pixels + 1);
      for (let pixel = 0; pixel < pixels; pixel++) gradient[row + pixel] += error * images[index * pixels + pixel];
      gradient[row + pixels] += error;
    }
  }
  for (let weight = 0; weight < weights.length; weight++)
    weights[weight] -= learningRate * (gradient[weight] / batch.length + l2 * weights[weight]);
  return loss / batch.length;
}
