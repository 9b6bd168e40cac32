"""Agreement of readers and the detector: F1 of every pair, with the authors' matching, and its figures."""

from itertools import combinations

import numpy as np
from detection_tasks import NUCLEI
from evaluation import plt
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image
from sklearn.neighbors import BallTree

EPSILON = 1e-9
AI = "AI"
COLOURS = ("blue", "red", "yellow")
MARKERS = "sodh"


def count_pairs(truth, guess, task):
    """Confusion matrix with one extra row and column: misses in the last column, false positives in the last row."""
    size = len(task.classes) + 1
    counts = np.zeros((size, size), np.uint16)
    taken = np.zeros(len(guess), bool)
    near = [[]] * len(truth)
    if len(guess) and len(truth):
        near, _ = BallTree(guess[:, :2]).query_radius(
            truth[:, :2], task.radius, return_distance=True, sort_results=True
        )
    for (_, _, kind), candidates in zip(truth, near, strict=True):
        free = [candidate for candidate in candidates if not taken[candidate]]
        counts[int(kind), int(guess[free[0], 2]) if free else -1] += 1
        taken[free[:1]] = True
    np.add.at(counts[-1], guess[~taken, 2].astype(int), 1)
    return counts


def f1(counts):
    """F1 per class, without the extra row and column."""
    hits, rows, columns = np.diag(counts), counts.sum(1), counts.sum(0)
    recall, precision = hits / (rows + EPSILON), hits / (columns + EPSILON)
    return (2 * precision * recall / (precision + recall + EPSILON))[:-1]


def agreement(points, readers, task):
    """Macro F1 of every pair of `readers` and the AI, NaN elsewhere. Rows: second of a pair; columns: first.

    `points`: per image, a dict from reader to points (n, 3), without readers who did not annotate the image.
    """
    names = (*readers, AI)
    scores = np.full((len(names), len(names)), np.nan)
    for first, second in combinations(range(len(names)), 2):
        both = [(image[names[first]], image[names[second]]) for image in points if names[first] in image]
        scores[second, first] = f1(sum(count_pairs(truth, guess, task) for truth, guess in both)).mean()
    return scores


def draw_agreement(scores, readers, title, colours, path):
    ticks = [short_name(name) for name in (*readers, AI)]
    figure, axis = plt.subplots(figsize=(4.4, 4.4), layout="constrained")
    axis.imshow(np.where(np.eye(len(ticks)) > 0, 1, np.nan), cmap=ListedColormap(["#eeeeee"]))
    axis.imshow(scores, cmap=colours, vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(~np.isnan(scores)), strict=True):
        text = f"{round(float(scores[row, column]), 2):.2f}"
        axis.text(column, row, text, color="white", ha="center", va="center", fontsize=14)
    axis.set_xticks(range(len(ticks)), ticks, fontsize=14)
    axis.set_yticks(range(len(ticks)), ticks, fontsize=14)
    axis.spines[:].set_visible(False)
    axis.set_title(title, fontsize=14, fontweight="bold")
    save(figure, path, dpi=80)


def short_name(reader):
    """`P1` with a figure and `R1` with a Roman numeral below the line."""
    if reader == AI:
        return AI
    number = reader[1:] if reader[0] == "P" else ("i", "ii", "iii", "iv")[int(reader[1:]) - 1]
    return f"${reader[0]}_{{{number}}}$"


def draw_image(image, area, points, task, title, path):
    """Draws input, readers' points and the AI's points next to each other, with a dashed line around the annotated area."""
    height, width = image.shape[:2]
    figure, axes = plt.subplots(1, 3, figsize=(12, 12 * height / width / 3 + 0.8), layout="constrained")
    titles = ("Input image", "Reader predictions", "AI predictions")
    for axis, name in zip(axes, titles, strict=True):
        axis.imshow(image)
        axis.add_patch(Rectangle(area[:2], area[2] - area[0], area[3] - area[1], fill=False, linestyle="--"))
        axis.set(title=name, xticks=[], yticks=[])
    size = 14 if task is NUCLEI else 24
    readers = [reader for reader in task.readers if reader in points]
    for marker, reader in zip(MARKERS, readers, strict=False):
        mark(axes[1], points[reader], marker, size)
    mark(axes[2], points[AI], "^", size)
    legend(axes[1], [(f"Reader {n}", marker, "grey") for n, marker in enumerate(MARKERS[: len(readers)], 1)])
    legend(axes[2], [(name, "^", colour) for name, colour in zip(task.classes, COLOURS, strict=False)])
    for axis in axes:
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    figure.suptitle(title)
    save(figure, path, dpi=85, colours=64)


def mark(axis, points, marker, size):
    colours = [COLOURS[int(kind)] for kind in points[:, 2]]
    axis.scatter(points[:, 0], points[:, 1], c=colours, marker=marker, s=size, edgecolors="black", linewidths=0.5)


def legend(axis, entries):
    handles = [
        Line2D([], [], color=colour, marker=marker, markeredgecolor="black", linestyle="none", label=name)
        for name, marker, colour in entries
    ]
    axis.legend(handles=handles, fontsize=7, loc="lower right")


def save(figure, path, dpi, colours=32):
    """Writes the figure in few colours, to keep the sample small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.set_dpi(dpi)
    figure.canvas.draw()
    drawn = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    drawn.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
    plt.close(figure)
