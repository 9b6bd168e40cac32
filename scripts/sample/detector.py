"""Trains the sample's cell detectors and writes them the way YOLOv5's own training does."""

from copy import deepcopy

import numpy as np
import torch
from cells import Scene, draw_scene
from network import to_input
from yolo import ComputeLoss, build_network

# As in YOLOv5's hyperparameter files, but boxes weigh twice as much and only anchors of about a cell's size count: poor
# boxes pass the suppression beside the good one of the same cell.
HYPERPARAMETERS = {
    "lr0": 0.01,
    "lrf": 0.01,
    "weight_decay": 0.0,
    "box": 0.1,
    "cls": 0.5,
    "cls_pw": 1.0,
    "obj": 1.0,
    "obj_pw": 1.0,
    "iou_t": 0.2,
    "anchor_t": 2.0,
    "fl_gamma": 0.0,
    "label_smoothing": 0.0,
}
EMA_DECAY = 0.98
DATE = "2025-06-20T12:00:00"


def training_scenes(seed, count):
    """Images of 512 px and their cells, with the variety of the test images; none of these is a test image."""
    for number in range(count):
        rng = np.random.default_rng([77, seed, number])
        scene = Scene(
            (512, 512),
            nests=rng.uniform(-0.5, 0.8),
            positive=rng.uniform(-0.7, 0.7),
            spacing=rng.uniform(30, 37),
            stain=(rng.uniform(0.8, 1.15), rng.uniform(0.75, 1.2)),
        )
        yield draw_scene(scene, rng)


def train(task, width, seed, images, steps, rate, crop=256, batch=6):
    """Returns (network, its moving average) after `steps` steps of Adam; the rate rises shortly, then falls to 0."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 2])
    pairs = [(image, one_class(cells) if len(task.classes) == 1 else cells) for image, cells in images]
    network = build_network(task.classes, width)
    network.hyp = dict(HYPERPARAMETERS, cls=HYPERPARAMETERS["cls"] * max(len(task.classes), 20) / 80)
    loss_of = ComputeLoss(network)
    average = deepcopy(network)
    optimiser = torch.optim.Adam(network.parameters(), rate)
    recent = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 50) * (1 - step / steps) ** 0.9
        network.train()
        inputs, targets = sample_batch(pairs, task.box, rng, crop, batch)
        loss, _ = loss_of(network(inputs), targets)
        optimiser.zero_grad()
        (loss / batch).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimiser.step()
        follow(average, network, step)
        recent.append(loss.item() / batch)
        if (step + 1) % 50 == 0:
            print(f"  step {step + 1}: loss {np.mean(recent):.3f}", flush=True)
            recent = []
    return network.eval(), average.eval()


def one_class(cells):
    return np.concatenate([cells[:, :2], np.zeros((len(cells), 1))], axis=1)


def follow(average, network, step):
    """Moves the average towards the network, as YOLOv5's ModelEMA does, but with less inertia."""
    decay = EMA_DECAY * (1 - np.exp(-(step + 1) / 50))
    state = network.state_dict()
    with torch.no_grad():
        for name, value in average.state_dict().items():
            if value.dtype.is_floating_point:
                value.mul_(decay).add_(state[name], alpha=1 - decay)
            else:
                value.copy_(state[name])


def sample_batch(pairs, box, rng, crop, batch):
    """Random crops, flipped and turned: tensor (N, 3, crop, crop) and YOLOv5's targets (image, class, x, y, w, h)."""
    images, targets = [], []
    for number in range(batch):
        image, cells = pairs[rng.integers(len(pairs))]
        top, left = (rng.integers(0, size - crop + 1) for size in image.shape[:2])
        window = image[top : top + crop, left : left + crop]
        points = cells - (left, top, 0)
        points = points[((points[:, :2] >= 0) & (points[:, :2] < crop)).all(axis=1)]
        if rng.random() < 0.5:
            window, points[:, 0] = window[:, ::-1], crop - 1 - points[:, 0]
        if rng.random() < 0.5:
            window, points[:, 1] = window[::-1], crop - 1 - points[:, 1]
        if rng.random() < 0.5:
            window, points = window.transpose(1, 0, 2), points[:, [1, 0, 2]]
        images.append(window)
        side = np.full((len(points), 2), box / crop)
        centre = (points[:, :2] + 0.5) / crop
        targets.append(np.concatenate([np.full((len(points), 1), number), points[:, 2:], centre, side], axis=1))
    return to_input(np.stack(images)), torch.from_numpy(np.concatenate(targets)).float()


def write_stripped(path, average):
    """Like YOLOv5 after training: only the moving average, in half precision, without training state."""
    network = deepcopy(average).half()
    for parameter in network.parameters():
        parameter.requires_grad = False
    write(path, -1, network, None, None)


def write_unfinished(path, network, average, steps):
    """Like YOLOv5 during training: network and average in single precision; without the optimizer, to save space."""
    write(path, 49, deepcopy(network), deepcopy(average), steps)


def write(path, epoch, network, average, updates):
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "epoch": epoch,
        "best_fitness": None,
        "model": network,
        "ema": average,
        "updates": updates,
        "optimizer": None,
        "opt": {"weights": "", "cfg": "yolov5n.yaml", "imgsz": 512},
        "git": {"remote": None, "branch": None, "commit": None},
        "date": DATE,
    }
    torch.save(state, path)
