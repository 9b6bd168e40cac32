"""Trains one fold: Adam on crops, then a short polish by the SGD that nnU-Net v1 itself uses."""

from dataclasses import dataclass, field

import numpy as np
import torch
from labels import BACKGROUND, NAMES
from network import to_input
from torch import nn

STEPS_PER_EPOCH = 20
HELD_BACK = 2  # of a fold's images, for validation


@dataclass
class Trained:
    """A trained network with what nnU-Net stores next to the weights."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    training_losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    validation_dice: list[np.float64] = field(default_factory=list)


def train(network, pairs, seed, steps, rate, polish=20, crop=128, batch=4):
    """Trains `network` on pairs (image, mask): `steps` steps of Adam at a falling rate, then `polish` steps of SGD."""
    torch.manual_seed(seed)
    # Channels last: a third less time on a CPU. nnU-Net's files hold the usual order, which comes back at the end.
    network.to(memory_format=torch.channels_last)
    rng = np.random.default_rng([seed, 1])
    teaching, judging = pairs[HELD_BACK:], pairs[:HELD_BACK]
    loss_of = SupervisedLoss(class_weights(teaching))
    adam = torch.optim.Adam(network.parameters(), lr=rate)
    sgd = torch.optim.SGD(network.parameters(), 1e-4, weight_decay=3e-5, momentum=0.99, nesterov=True)
    trained = Trained(network, sgd)
    recent = []
    for step in range(steps + polish):
        optimiser = adam if step < steps else sgd
        for group in adam.param_groups:
            group["lr"] = rate * (1 - step / steps) ** 0.9 if step < steps else 0.0
        network.train()
        images, masks = sample_batch(teaching, rng, crop, batch)
        optimiser.zero_grad()
        loss = loss_of(network(images), masks)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 12)
        optimiser.step()
        recent.append(loss.item())
        if len(recent) == STEPS_PER_EPOCH:
            record_epoch(trained, recent, judging, loss_of)
            recent = []
    network.to(memory_format=torch.contiguous_format)
    for state in sgd.state.values():
        state["momentum_buffer"] = state["momentum_buffer"].contiguous()
    return trained


class SupervisedLoss:
    """Cross-entropy at every resolution, halved per level; label 0 is ignored, rare tissues have larger weights."""

    def __init__(self, weights):
        self.entropy = nn.CrossEntropyLoss(weights, ignore_index=0)

    def __call__(self, outputs, masks):
        total = 0
        for level, output in enumerate(outputs):
            total = total + 0.5**level * self.entropy(output, masks[:, :: 2**level, :: 2**level])
        return total / sum(0.5**level for level in range(len(outputs)))


def class_weights(pairs):
    counts = np.bincount(np.concatenate([mask.ravel() for _, mask in pairs]), minlength=len(NAMES))
    weights = np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), 0)
    # A small network confuses alveoli or fat cells of the size of its view with glass: in doubt, decide against glass.
    weights[BACKGROUND] /= 2
    return torch.from_numpy(weights / weights[counts > 0].mean()).float()


def sample_batch(pairs, rng, crop, batch):
    """Random crops, flipped and turned, as tensors (N, 3, crop, crop) and (N, crop, crop)."""
    images, masks = [], []
    for _ in range(batch):
        image, mask = pairs[rng.integers(len(pairs))]
        top, left = (rng.integers(0, size - crop + 1) for size in mask.shape)
        window = np.s_[top : top + crop, left : left + crop]
        turns, flip = rng.integers(4), rng.random() < 0.5
        pieces = [np.rot90(array[window], turns) for array in (image, mask)]
        image, mask = [np.flip(piece, 1) if flip else piece for piece in pieces]
        images.append(image)
        masks.append(mask)
    inputs = to_input(np.stack(images)).contiguous(memory_format=torch.channels_last)
    return inputs, torch.from_numpy(np.stack(masks).astype(np.int64))


def record_epoch(trained, losses, judging, loss_of):
    """What nnU-Net notes after an epoch: mean training loss, validation loss, mean Dice over the classes present."""
    network = trained.network.eval()
    images, masks = zip(*judging, strict=True)
    masks = torch.from_numpy(np.stack(masks).astype(np.int64))
    with torch.no_grad():
        outputs = network(to_input(np.stack(images)))
    guess = outputs[0].argmax(1)
    dice = [
        2 * ((guess == k) & (masks == k)).sum().item() / ((guess == k).sum() + (masks == k).sum()).item()
        for k in masks.unique().tolist()
        if k != 0
    ]
    trained.epoch += 1
    trained.training_losses.append(float(np.mean(losses)))
    trained.validation_losses.append(float(loss_of(outputs, masks)))
    trained.validation_dice.append(np.mean(dice))
    print(
        f"  epoch {trained.epoch}: loss {trained.training_losses[-1]:.3f}, "
        f"validation {trained.validation_losses[-1]:.3f}, Dice {trained.validation_dice[-1]:.3f}",
        flush=True,
    )
