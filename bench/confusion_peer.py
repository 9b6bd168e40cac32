"""Counts the confusion of two masks of a folder: with scikit-learn, as the authors do, and with numpy.bincount."""

import json
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix

LABELS = 17
folder = Path(sys.argv[1])
truth = np.fromfile(folder / "truth.raw", dtype=np.uint8)
prediction = np.fromfile(folder / "prediction.raw", dtype=np.uint8)


def with_sklearn():
    return confusion_matrix(truth, prediction, labels=list(range(LABELS)))


def with_bincount():
    known = (truth < LABELS) & (prediction < LABELS)
    pairs = truth[known].astype(np.uint16) * LABELS + prediction[known]
    return np.bincount(pairs, minlength=LABELS * LABELS).reshape(LABELS, LABELS)


RUNS = {"scikit-learn": with_sklearn, "numpy.bincount": with_bincount}

for line in sys.stdin:
    task = line.strip()
    if task.startswith("check "):
        counts = RUNS[task.removeprefix("check ")]()
        print(json.dumps(counts.tolist(), separators=(",", ":")), flush=True)
        continue
    start = time.perf_counter()
    RUNS[task]()
    print((time.perf_counter() - start) * 1000, flush=True)
