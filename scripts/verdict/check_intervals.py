"""Recomputes every interval of a results folder with NumPy, from the saved resamples and counts.

    python3 scripts/verdict/check_intervals.py RESULTS

Prints the largest difference per task, and exits with 1 if one exceeds 1e-12.
"""

import json
import sys
from pathlib import Path

import numpy as np

LIMIT = 1e-12
TIL = np.array([0, 1, 2, 6, 3, 3, 6, 6, 4, 6, 6, 6, 6, 5, 6, 6, 6])


def dice(confusion):
    """Returns the overall Dice, then that of every tissue; NaN for a tissue without a ground-truth pixel."""
    truth = confusion.sum(axis=1)[2:]
    scored = confusion[1:, 1:].astype(np.float64)
    scored[0, :] = 0
    hits = np.diag(scored)
    occurrences = scored.sum(axis=0) + scored.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        overall = 2 * hits.sum() / (2 * scored.sum()) if truth.sum() else np.nan
        classes = np.where(truth > 0, 2 * hits[1:] / occurrences[1:], np.nan)
    return np.concatenate([[overall], classes])


def grouped(confusion):
    to = np.eye(7, dtype=np.int64)[TIL]
    return to.T @ confusion @ to


def tissue(sums):
    confusion = sums.reshape(17, 17)
    return np.concatenate([dice(confusion), dice(grouped(confusion))])


def cells(sums, side, present):
    values = []
    for confusion, needed in zip(sums.reshape(-1, side, side), present):
        hits = np.diag(confusion)[:-1]
        precision = hits / (confusion.sum(axis=0)[:-1] + 1e-9)
        recall = hits / (confusion.sum(axis=1)[:-1] + 1e-9)
        f1 = 2 * precision * recall / (precision + recall + 1e-9)
        empty = confusion.sum(axis=1)[:-1] == 0
        lost = not needed.any() or (needed & empty).any()
        values += [np.nan if lost else f1.mean(), *np.where(empty, np.nan, f1)]
    return np.array(values)


def interval(values):
    kept = values[~np.isnan(values)]
    if len(kept) == 0:
        return None
    return [*np.quantile(kept, [0.025, 0.975]), len(values) - len(kept)]


def check(results, task):
    folder = results / "verdict"
    verdict = json.loads((folder / f"{task}.json").read_text())
    counts = json.loads((folder / f"{task}.patients.json").read_text())
    draws = np.load(folder / f"{task}.resamples.npy")
    side = counts["side"]
    by_side = {
        name: np.array([p[name] for p in counts["patients"]], dtype=np.int64) for name in ("published", "ours")
    }
    if task == "he":
        metrics = verdict["dice"]["all"] + verdict["dice"]["til"]
        measure = tissue
    else:
        total = by_side["ours"].sum(axis=0).reshape(-1, side, side)
        present = total.sum(axis=2)[:, :-1] > 0
        names = [
            f"{pair}, {average}"
            for pair in counts["matrices"]
            for average in ["macro", *[f"class {label}" for label in range(side - 1)]]
        ]
        by_name = {metric["name"]: metric for metric in verdict["f1"]}
        metrics = [by_name[name] for name in names]
        measure = lambda sums: cells(sums, side, present)  # noqa: E731
    values = {
        name: np.array([measure(patients[drawn].sum(axis=0)) for drawn in draws]) for name, patients in by_side.items()
    }
    values["difference"] = values["ours"] - values["published"]
    largest, compared = 0.0, 0
    for k, metric in enumerate(metrics):
        for name, columns in values.items():
            expected, got = interval(columns[:, k]), metric.get(f"{name}Interval")
            if expected is None or got is None:
                assert expected is None and got is None, (metric["name"], name, expected, got)
                continue
            difference = max(abs(a - got[b]) for a, b in zip(expected, ("low", "high", "dropped")))
            largest, compared = max(largest, difference), compared + 1
    print(f"{task}: {compared} intervals of {draws.shape[0]} resamples of {draws.shape[1]} patients, "
          f"largest difference {largest:.2g}")
    return largest


if __name__ == "__main__":
    root = Path(sys.argv[1])
    tasks = [task for task in ("he", "nuclei", "pdl1") if (root / "verdict" / f"{task}.json").exists()]
    sys.exit(max(check(root, task) for task in tasks) > LIMIT)
