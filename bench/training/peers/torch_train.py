"""PyTorch's part of the training bench: images a second while training one network on random images, printed as JSON.

Usage: torch_train.py plain|bn|model1 BATCH STEPS THREADS. Channels-last float32 on the CPU, Adam; the first two steps are not counted.
"""

import json
import sys
import time

import torch
from torch import nn

network, batch, steps, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
torch.manual_seed(1)


def convolution(inputs, outputs, normalised):
    if not normalised:
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def small(normalised):
    layers = [*convolution(3, 32, normalised), *convolution(32, 32, normalised), nn.MaxPool2d(2)]
    layers += [*convolution(32, 64, normalised), *convolution(64, 64, normalised), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 100))


def original():
    layers = [nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU()]
    layers += [nn.Conv2d(64, 128, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(3200, 128), nn.ReLU(), nn.Linear(128, 100))


model = original() if network == "model1" else small(network == "bn")
model = model.to(memory_format=torch.channels_last).train()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
images = torch.randn(batch, 3, 32, 32).to(memory_format=torch.channels_last)
labels = torch.randint(0, 100, (batch,))
loss_of = nn.CrossEntropyLoss()

times, busy = [], []
for step in range(-2, steps):
    start, before = time.perf_counter(), time.process_time()
    optimizer.zero_grad()
    loss = loss_of(model(images), labels)
    loss.backward()
    optimizer.step()
    loss.item()
    if step >= 0:
        times.append(1000 * (time.perf_counter() - start))
        busy.append(1000 * (time.process_time() - before))
print(json.dumps({"times": times, "busy": busy, "version": f"PyTorch {torch.__version__}"}))
