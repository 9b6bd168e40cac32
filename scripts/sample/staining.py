"""How each tissue takes up the stains: optical densities of haematoxylin, eosin and blood, per pixel.

Every function gets the rows and columns of the pixels it paints (`y`, `x`), a canvas with noise fields, and a random
generator; it returns three arrays (haematoxylin, eosin, blood) of densities.
"""

import labels
import numpy as np
from fields import Nuclei, jittered_grid, smooth_noise, wall_distance


class Canvas:
    """What all tissues of one image share: its shape, two grains of noise, and the direction its fibres run in."""

    def __init__(self, shape, rng):
        self.shape = shape
        self.fine = smooth_noise(shape, 1.0, rng)
        self.medium = smooth_noise(shape, 4.0, rng)
        self.broad = smooth_noise(shape, 28.0, rng)
        self.angle = rng.uniform(0, np.pi)

    def waves(self, y, x, period, bend):
        """Ripples of the given period in pixels across the fibres, bent by the broad noise; -1..1."""
        across = x * np.sin(self.angle) - y * np.cos(self.angle)
        phase = across / period + bend * self.broad[y, x] + 0.25 * self.medium[y, x]
        return np.sin(2 * np.pi * phase)


def background(canvas, y, x, rng):
    return 0 * y + 0.01, 0.02 + 0.004 * canvas.broad[y, x], 0.0 * y


def tumour(canvas, y, x, rng):
    cells = Nuclei(jittered_grid(canvas.shape, 19, 0.22, rng, 0.95), y, x, (7.6, 6.2), rng)
    chromatin = 0.14 * canvas.fine[y, x] - 0.16 * np.exp(-((cells.radius / 0.55) ** 2))
    nucleolus = 0.45 * np.exp(-((cells.u - 1.5) ** 2 + cells.v**2) / 2.2)
    rim = 0.15 * np.exp(-(((cells.radius - 0.9) / 0.16) ** 2))
    h = 0.24 + 0.03 * canvas.medium[y, x] + cells.body * (0.5 + 0.3 * cells.own + chromatin + nucleolus + rim)
    return h, 0.34 + 0.04 * canvas.medium[y, x] - 0.05 * cells.body, 0.0 * y


def stroma(canvas, y, x, rng):
    fibres = canvas.waves(y, x, 9.0, 2.2)
    cells = Nuclei(jittered_grid(canvas.shape, 34, 0.45, rng, 0.7), y, x, (9.0, 2.3), rng, angle=canvas.angle + 1.57)
    gaps = np.clip(fibres - 0.75, 0, 1) * 0.5
    e = 0.36 + 0.07 * fibres + 0.04 * canvas.medium[y, x] - gaps
    return 0.05 + cells.body * (0.75 + 0.2 * cells.own), e * (1 - 0.35 * cells.body), 0.0 * y


def inflammation(canvas, y, x, rng):
    cells = Nuclei(jittered_grid(canvas.shape, 10.5, 0.25, rng, 0.92), y, x, (4.3, 3.9), rng, softness=0.22)
    h = 0.10 + cells.body * (1.05 + 0.3 * cells.own + 0.12 * canvas.fine[y, x])
    return h, 0.22 + 0.04 * canvas.medium[y, x], 0.0 * y


def alveolar(canvas, y, x, rng):
    walls = wall_distance(jittered_grid(canvas.shape, 66, 0.3, rng), y, x) + 1.3 * canvas.medium[y, x]
    wall = np.clip((5.0 - walls) / 2.5, 0, 1)
    cells = Nuclei(jittered_grid(canvas.shape, 13, 0.35, rng, 0.75), y, x, (5.0, 3.4), rng)
    h = 0.012 + wall * (0.08 + 0.85 * cells.body)
    return h, 0.02 + wall * (0.3 + 0.05 * canvas.medium[y, x]), 0.05 * wall


def fat(canvas, y, x, rng):
    walls = wall_distance(jittered_grid(canvas.shape, 36, 0.14, rng), y, x)
    wall = np.clip((2.2 - walls) / 1.2, 0, 1)
    cells = Nuclei(jittered_grid(canvas.shape, 40, 0.4, rng, 0.5), y, x, (5.0, 2.0), rng)
    return 0.012 + wall * 0.6 * cells.body, 0.02 + wall * 0.26, 0.0 * y


def necrosis(canvas, y, x, rng):
    debris = Nuclei(jittered_grid(canvas.shape, 13, 0.45, rng, 0.6), y, x, (1.9, 1.6), rng, spread=0.35, softness=0.4)
    grain = 0.07 * canvas.fine[y, x] + 0.06 * canvas.medium[y, x]
    return 0.17 + grain + 0.6 * debris.body * debris.own, 0.44 + grain, 0.0 * y


def erythrocytes(canvas, y, x, rng):
    cells = Nuclei(jittered_grid(canvas.shape, 12, 0.16, rng, 0.96), y, x, (6.2, 5.8), rng, softness=0.12)
    disc = cells.body * (0.85 + 0.25 * cells.own - 0.22 * np.exp(-((cells.radius / 0.45) ** 2)))
    return 0.01 + 0 * disc, 0.06 + 0 * disc, disc


def mucus(canvas, y, x, rng):
    streaks = canvas.waves(y, x, 26.0, 1.6)
    return 0.13 + 0.05 * streaks + 0.02 * canvas.medium[y, x], 0.06 + 0.02 * streaks, 0.0 * y


def macrophages(canvas, y, x, rng):
    cells = Nuclei(jittered_grid(canvas.shape, 25, 0.2, rng), y, x, (10.8, 10.0), rng, softness=0.1)
    nucleus = np.clip((1.25 - np.hypot(cells.u - 4.0, cells.v) / 4.0) / 0.4, 0, 1)
    foam = 0.22 + 0.05 * canvas.fine[y, x]
    pigment = np.clip(canvas.fine[y, x] - 1.1, 0, 1) * 0.5 * cells.body
    return 0.04 + cells.body * 0.1 + 0.75 * nucleus * cells.body, 0.03 + cells.body * foam, pigment


def muscle(canvas, y, x, rng):
    bundles = canvas.waves(y, x, 15.0, 0.7)
    cells = Nuclei(jittered_grid(canvas.shape, 30, 0.4, rng, 0.6), y, x, (8.0, 2.0), rng, angle=canvas.angle + 1.57)
    e = 0.60 + 0.06 * bundles + 0.03 * canvas.medium[y, x] - 0.9 * np.clip(bundles - 0.86, 0, 1)
    return 0.09 + 0.7 * cells.body, e, 0.04 + 0 * e


def keratin(canvas, y, x, rng):
    layers = np.sin(wall_distance(jittered_grid(canvas.shape, 70, 0.3, rng), y, x) / 1.6 + canvas.medium[y, x])
    return 0.03 + 0 * layers, 0.42 + 0.12 * layers + 0.03 * canvas.fine[y, x], 0.26 + 0.05 * layers


PAINTERS = {
    labels.BACKGROUND: background,
    labels.TUMOUR: tumour,
    labels.STROMA: stroma,
    labels.INFLAMMATION: inflammation,
    labels.ALVEOLAR: alveolar,
    labels.FAT: fat,
    labels.NECROSIS: necrosis,
    labels.ERYTHROCYTES: erythrocytes,
    labels.MUCUS: mucus,
    labels.MACROPHAGES: macrophages,
    labels.MUSCLE: muscle,
    labels.KERATIN: keratin,
}
