import { afterEach, describe, expect, it, jest } from '@jest/globals';

import { createReporter, formatSeconds } from './report.ts';

describe('what a training says', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each([
    [0.4, '0s'],
    [59.6, '1m00s'],
    [192, '3m12s'],
    [7500, '2h05m'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it('has a progress line at most twice a second, counting from where it went on, and a line an epoch', () => {
    const lines: string[] = [];
    let now = 1000;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
    const report = createReporter({ epochs: 4, stepsPerEpoch: 10 });
    const step = (epoch: number, at: number, time: number): void => {
      now = time;
      report.step({ epoch, step: at, loss: 2.5, imagesPerSecond: 123.4 });
    };
    // Epochs 1 and 2 were trained by a process that was interrupted: 20 of 40 steps are left, and one takes two seconds.
    step(3, 1, 3000);
    step(3, 2, 3100);
    const record = { epoch: 3, loss: 2, acc: 0.25, valLoss: 1.5, valAcc: 0.375, lr: 0.002, seconds: 20 };
    report.epoch({ ...record, imagesPerSecond: 100 });
    step(4, 10, 41_000);
    expect(lines).toEqual([
      '::progress 0.5250 epoch 3/4 step 1/10 loss=2.5000 123 images/s ETA 38s\n',
      'epoch 3/4: loss 2.0000, acc 0.2500; val_loss 1.5000, val_acc 0.3750; lr 0.00200; 20.0 s, 100 images/s\n',
      '::progress 1.0000 epoch 4/4 step 10/10 loss=2.5000 val_acc=0.3750 123 images/s ETA 0s\n',
    ]);
  });
});
