"""Draws the figure of one image with cells in matplotlib: three panels, a marker a cell, 150 dpi."""

import json
import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

COLOURS = np.array(["blue", "red", "yellow"])
CLASSES = ["pd-l1 negative tumor cell", "pd-l1 positive tumor cell", "non-tumor cell"]

folder = Path(sys.argv[1])
scene = json.loads((folder / "scene.json").read_text())
image = np.fromfile(folder / "image.raw", dtype=np.uint8).reshape(scene["side"], scene["side"], 3)
left, top, right, bottom = scene["annotatedXyxy"]


def arrays(points):
    return np.array([[p["x"], p["y"], p["class"]] for p in points]).T


readers, ai = [arrays(points) for points in scene["readers"]], arrays(scene["ai"])


def draw():
    figure, axes = plt.subplots(1, 3, figsize=(15, 5))
    figure.suptitle("Evaluation plot for bench.png", fontsize=14)
    for axis, title in zip(axes, ["Input image", "Reader predictions", "AI predictions"]):
        axis.imshow(image)
        axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, linestyle="--", linewidth=1.5))
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
    for k, ((x, y, c), marker) in enumerate(zip(readers, "sodh")):
        axes[1].scatter(x, y, c=COLOURS[c], marker=marker, edgecolors="black", label=f"Reader {k + 1}")
    for k, name in enumerate(CLASSES):
        x, y, _ = ai[:, ai[2] == k]
        axes[2].scatter(x, y, c=COLOURS[k], marker="^", edgecolors="black", label=name)
    axes[1].legend(loc="upper right")
    axes[2].legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(folder / "matplotlib.png", dpi=150, bbox_inches="tight")
    plt.close(figure)


for _ in sys.stdin:
    start = time.perf_counter()
    draw()
    print((time.perf_counter() - start) * 1000, flush=True)
