"""Random fields and point sets that the synthetic tissue is built from. Lengths are in pixels of 0.5 micrometres."""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree


def smooth_noise(shape, sigma, rng):
    """Gaussian random field of the given correlation length, zero mean and unit variance, float32."""
    field = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="reflect")
    return (field - field.mean()) / (field.std() + 1e-9)


def jittered_grid(shape, spacing, jitter, rng, keep=1.0):
    """Points (y, x) of a hexagonal grid, each moved by up to `jitter * spacing`; a fraction `keep` of them is kept."""
    rows = np.arange(-spacing, shape[0] + spacing, spacing * 0.866)
    columns = np.arange(-spacing, shape[1] + spacing, spacing)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    x = x + (np.arange(len(rows)) % 2)[:, None] * spacing / 2
    points = np.stack([y.ravel(), x.ravel()], axis=1)
    points += rng.uniform(-jitter * spacing, jitter * spacing, points.shape)
    return points[rng.random(len(points)) < keep]


class Nuclei:
    """Ellipses around points, evaluated per pixel. They never overlap, since only the nearest point of a pixel counts.

    `body` is 1 inside a nucleus and falls to 0 across its border, `radius` is the distance from the centre as a share
    of the ellipse (1 on the border), `own` one random number in 0..1 per nucleus, `u` and `v` the offsets in pixels.
    """

    def __init__(self, points, y, x, axes, rng, spread=0.12, angle=None, softness=0.18):
        _, nearest = cKDTree(points).query(np.stack([y, x], axis=1))
        count = len(points)
        theta = rng.uniform(0, np.pi, count) if angle is None else angle + rng.normal(0, 0.15, count)
        scale = np.clip(rng.normal(1, spread, count), 0.6, 1.5)
        offset = np.stack([y, x], axis=1) - points[nearest]
        cos, sin = np.cos(theta)[nearest], np.sin(theta)[nearest]
        self.u = offset[:, 1] * cos + offset[:, 0] * sin
        self.v = offset[:, 0] * cos - offset[:, 1] * sin
        self.radius = np.hypot(self.u / (axes[0] * scale[nearest]), self.v / (axes[1] * scale[nearest]))
        self.own = rng.random(count)[nearest]
        self.body = np.clip((1 + softness - self.radius) / (2 * softness), 0, 1)


def wall_distance(points, y, x):
    """Distance in pixels from each (y, x) to the nearest border between two Voronoi cells of `points`."""
    distance, index = cKDTree(points).query(np.stack([y, x], axis=1), k=2)
    between = np.hypot(*(points[index[:, 0]] - points[index[:, 1]]).T) + 1e-9
    return (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * between)
