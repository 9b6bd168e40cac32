"""Draws the figure of one ROI with matplotlib: three panels and the strip of labels, 150 dpi."""

import json
import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

folder = Path(sys.argv[1])
scene = json.loads((folder / "scene.json").read_text())
size = scene["height"], scene["width"]
image = np.fromfile(folder / "image.raw", dtype=np.uint8).reshape(*size, 3)
truth = np.fromfile(folder / "truth.raw", dtype=np.uint8).reshape(size)
prediction = np.fromfile(folder / "prediction.raw", dtype=np.uint8).reshape(size)
names = [label["name"] for label in scene["labels"]]
colours = np.full((256, 3), 128, dtype=np.uint8)
colours[: len(names)] = [label["colour"] for label in scene["labels"]]


def draw():
    rows = np.flatnonzero((truth != 0).any(axis=1))
    columns = np.flatnonzero((truth != 0).any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    figure, axes = plt.subplots(
        1, 4, figsize=(14, 4), gridspec_kw={"width_ratios": [1, 1, 1, 0.06]}
    )
    figure.suptitle("Evaluation plot for bench_with_context", fontsize=16)
    panels = [("Input image", None), ("Ground truth", truth), ("Prediction", prediction)]
    for axis, (title, labels) in zip(axes, panels):
        axis.imshow(image[box])
        if labels is not None:
            axis.imshow(colours[labels[box]], alpha=0.5)
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
    axes[3].imshow(colours[: len(names), None], aspect="auto")
    axes[3].set_title("Labels")
    axes[3].set_xticks([])
    axes[3].yaxis.tick_right()
    axes[3].set_yticks(range(len(names)), names)
    figure.savefig(folder / "matplotlib.png", dpi=150, bbox_inches="tight")
    plt.close(figure)


for _ in sys.stdin:
    start = time.perf_counter()
    draw()
    print((time.perf_counter() - start) * 1000, flush=True)
