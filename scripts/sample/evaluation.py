"""The published figures of the H&E task: the summed confusion matrix, its drawings, and Dice per class."""

import labels as L
import matplotlib
import numpy as np
from sklearn.metrics import confusion_matrix

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

# No version or date in the files: the same picture is the same bytes.
SAVE = {"dpi": 70, "bbox_inches": "tight", "metadata": {"Software": None}}


def sum_confusions(pairs):
    """Confusion (17, 17) int64 over pairs (truth, prediction); rows truth; other values than labels do not count."""
    everything = list(range(len(L.NAMES)))
    return sum(confusion_matrix(truth.ravel(), guess.ravel(), labels=everything) for truth, guess in pairs)


def group_for_til(confusion):
    grouped = np.zeros((len(L.TIL_NAMES),) * 2, np.int64)
    np.add.at(grouped, np.ix_(L.TIL_GROUP, L.TIL_GROUP), confusion)
    return grouped


def dice(confusion):
    """Returns overall and per-class Dice. Ground-truth Background is ignored; pixels predicted as Background count as missed."""
    matrix = confusion[1:, 1:].astype(np.float64)
    matrix[0] = 0
    hits, truth, guesses = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    per_class = np.divide(2 * hits, truth + guesses, out=np.zeros_like(hits), where=truth + guesses > 0)
    return 2 * hits.sum() / (truth.sum() + guesses.sum()), per_class


def draw_confusion(confusion, names, path):
    """Three matrices, one above the other: shares of all pixels, of the true class and of the predicted class."""
    matrix = confusion[1:, 1:].astype(np.float64)
    rows, columns = matrix.sum(1, keepdims=True), matrix.sum(0, keepdims=True)
    shares = (
        ("All pixels", matrix / matrix.sum()),
        ("True class", matrix / np.where(rows == 0, 1, rows)),
        ("Predicted class", matrix / np.where(columns == 0, 1, columns)),
    )
    side = 2.5 + 0.62 * len(matrix)
    figure, axes = plt.subplots(3, 1, figsize=(side, 3 * side), layout="constrained")
    for axis, (title, share) in zip(axes, shares, strict=True):
        axis.imshow(share, cmap="gray_r", vmin=-0.25, vmax=share.max())
        for row, column in np.ndindex(share.shape):
            axis.text(column, row, f"{share[row, column]:.2f}", color="white", ha="center", va="center", fontsize=8)
        ticks = range(len(matrix))
        axis.set_xticks(ticks, names[1:], rotation=45, ha="right")
        axis.set_yticks(ticks, names[1:])
        axis.set(title=f"Normalised by: {title.lower()}", xlabel="Predicted", ylabel="True")
    figure.savefig(path, **SAVE)
    plt.close(figure)


def draw_dice(confusion, names, colours, title, path):
    overall, per_class = dice(confusion)
    bars = [("Overall", overall, (0, 0, 0))]
    bars += list(zip(names[2:], per_class[1:], colours[2:], strict=True))
    figure, axis = plt.subplots(figsize=(2 + 0.6 * len(bars), 5), layout="constrained")
    for place, (_, value, colour) in enumerate(bars):
        axis.bar(place, value, color=np.array(colour) / 255, edgecolor="black", linewidth=0.5)
        if round(value, 2) > 0:
            axis.text(place, value, f"{value:.2f}", ha="center", va="bottom")
    axis.set_xticks(range(len(bars)), [name for name, _, _ in bars], rotation=45, ha="right")
    axis.set(title=title, ylabel="F1 Score", ylim=(0, 1.08))
    figure.savefig(path, **SAVE)
    plt.close(figure)


def write_figures(folder, confusion):
    """Writes cm.npy and the four drawings that the record has next to it."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "cm.npy", confusion)
    grouped = group_for_til(confusion)
    draw_confusion(confusion, L.FIGURE_NAMES, folder / "cm_all.png")
    draw_confusion(grouped, L.TIL_NAMES, folder / "cm_til_use_case.png")
    title = "H&E Segmentation Performance on"
    draw_dice(confusion, L.FIGURE_NAMES, L.COLOURS, f"{title} All Classes", folder / "f1_all.png")
    draw_dice(grouped, L.TIL_NAMES, L.TIL_COLOURS, f"{title} TIL Use Case", folder / "f1_til_use_case.png")
