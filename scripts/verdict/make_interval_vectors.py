"""Writes counts per patient, resamples of the patients, and the intervals that NumPy computes from both.

    python3 scripts/verdict/make_interval_vectors.py tests/fixtures/verdict/intervals.json

The counts are random; of the last patient the two predictions are equal, and a rare label is missing in all but two patients.
"""

import json
import sys
from pathlib import Path

import numpy as np
from check_intervals import cells, interval, tissue

PATIENTS, RESAMPLES, SEED = 7, 200, 20_261_129
MASK = 2**64 - 1


class Pcg32:
    """O'Neill's reference implementation, stream 54."""

    def __init__(self, seed):
        self.increment = (54 << 1) | 1
        self.state = 0
        self.next()
        self.state = (self.state + seed) & MASK
        self.next()

    def next(self):
        old = self.state
        self.state = (old * 6364136223846793005 + self.increment) & MASK
        shifted = (((old >> 18) ^ old) >> 27) & 0xFFFFFFFF
        turn = old >> 59
        return ((shifted >> turn) | (shifted << (-turn & 31))) & 0xFFFFFFFF

    def below(self, bound):
        threshold = 2**32 % bound
        while True:
            drawn = self.next()
            if drawn >= threshold:
                return drawn % bound


def tissue_counts(random):
    counts = random.integers(0, 900, (PATIENTS, 17, 17)) * (random.random((PATIENTS, 17, 17)) < 0.2)
    counts[:, np.arange(17), np.arange(17)] += random.integers(100, 9_000, (PATIENTS, 17))
    counts[2:, 16, :] = 0
    return counts.reshape(PATIENTS, -1)


def cell_counts(random):
    counts = random.integers(0, 12, (PATIENTS, 2, 4, 4))
    counts[:, :, np.arange(3), np.arange(3)] += random.integers(20, 90, (PATIENTS, 2, 3))
    counts[:, :, 3, 3] = 0
    return counts.reshape(PATIENTS, -1)


def intervals(a, b, draws, measure):
    values = {
        "publishedInterval": np.array([measure(a[drawn].sum(axis=0)) for drawn in draws]),
        "oursInterval": np.array([measure(b[drawn].sum(axis=0)) for drawn in draws]),
    }
    values["differenceInterval"] = values["oursInterval"] - values["publishedInterval"]
    scores = len(values["oursInterval"][0])
    return [
        {name: interval(columns[:, k]) for name, columns in values.items()} for k in range(scores)
    ]


def vectors(make, measure_of):
    random = np.random.default_rng(SEED)
    a, b = make(random), make(random)
    b[-1] = a[-1]
    draw = Pcg32(SEED)
    draws = np.array([[draw.below(PATIENTS) for _ in range(PATIENTS)] for _ in range(RESAMPLES)])
    return {"a": a.tolist(), "b": b.tolist(), "draws": draws[:3].tolist(), "intervals": intervals(a, b, draws, measure_of(b))}


def cells_of(counts):
    present = counts.sum(axis=0).reshape(-1, 4, 4).sum(axis=2)[:, :-1] > 0
    return lambda sums: cells(sums, 4, present)


document = {
    "numpy": np.__version__,
    "resamples": RESAMPLES,
    "seed": SEED,
    "he": vectors(tissue_counts, lambda _: tissue),
    "pdl1": vectors(cell_counts, cells_of),
}
Path(sys.argv[1]).write_text(json.dumps(document, separators=(",", ":")) + "\n")
