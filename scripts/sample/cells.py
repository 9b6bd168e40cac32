"""Synthetic PD-L1 immunohistochemistry: nests of tumour cells with blue nuclei and brown membranes, among stroma."""

from dataclasses import dataclass

import numpy as np
from detection_tasks import NEGATIVE, NON_TUMOUR, POSITIVE
from fields import jittered_grid, smooth_noise
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

# Optical density of a unit of stain in red, green and blue.
HAEMATOXYLIN = np.array([0.78, 0.60, 0.26])
DAB = np.array([0.30, 0.66, 1.00])


@dataclass(frozen=True)
class Scene:
    """Content of an image: `nests` and `positive` change the shares of tumour and of PD-L1 positive cells in it."""

    shape: tuple[int, int]
    nests: float = 0.2
    positive: float = 0.0
    spacing: float = 34.0
    stain: tuple[float, float] = (1.0, 1.0)


@dataclass
class Cells:
    """Cells of an image; all arrays have one entry per cell. Centres are (y, x), axes of the nucleus half lengths."""

    centres: np.ndarray
    kind: np.ndarray
    axes: np.ndarray
    angle: np.ndarray
    dark: np.ndarray
    reach: np.ndarray

    def inside(self, shape):
        """(x, y, class) float64 of the cells with their centre in the image, ordered by row."""
        y, x = self.centres.T
        seen = (y >= 0) & (x >= 0) & (y < shape[0]) & (x < shape[1])
        found = np.stack([x, y, self.kind], axis=1)[seen]
        return found[np.lexsort((found[:, 0], found[:, 1]))]


def draw_scene(scene, rng):
    """Returns an RGB image (uint8, HxWx3) and its cells, one row (x, y, class) each."""
    nests = smooth_noise(scene.shape, 55, rng) + scene.nests
    cells = place_cells(scene, nests, rng)
    return economise(render(scene, nests, cells, rng)), cells.inside(scene.shape)


def place_cells(scene, nests, rng):
    tumour = jittered_grid(scene.shape, scene.spacing, 0.16, rng, 0.94)
    stroma = jittered_grid(scene.shape, scene.spacing * 0.9, 0.32, rng, 0.7)
    tumour, stroma = tumour[at(nests, tumour) > 0], stroma[at(nests, stroma) < -0.12]
    stroma = stroma[distance_to(tumour, stroma) > 20]
    expression = at(smooth_noise(scene.shape, 70, rng), tumour) + scene.positive + rng.normal(0, 0.35, len(tumour))
    spindle = rng.random(len(stroma)) < 0.4
    lymphocyte = np.stack([rng.normal(5.6, 0.4, len(stroma)), rng.normal(5.1, 0.4, len(stroma))], axis=1)
    fibroblast = np.stack([rng.normal(10.0, 1.0, len(stroma)), rng.normal(3.2, 0.3, len(stroma))], axis=1)
    count = len(tumour)
    return Cells(
        centres=np.concatenate([tumour, stroma]),
        kind=np.concatenate([np.where(expression > 0, POSITIVE, NEGATIVE), np.full(len(stroma), NON_TUMOUR)]),
        axes=np.concatenate([
            rng.normal((8.6, 7.2), 0.7, (count, 2)),
            np.where(spindle[:, None], fibroblast, lymphocyte),
        ]),
        angle=np.concatenate([rng.uniform(0, np.pi, count), rng.normal(0.6, 0.4, len(stroma))]),
        dark=np.concatenate([
            rng.normal(0.55, 0.07, count),
            np.where(spindle, 0.7, 1.15) * rng.normal(1, 0.08, len(stroma)),
        ]),
        reach=np.concatenate([rng.normal(16.5, 0.8, count), np.zeros(len(stroma))]),
    )  # fmt: skip


def economise(image, colours=40):
    """Reduces the image to few colours, for small files. Unlike a median cut, this keeps brown even if there is little of it."""
    palette = Image.fromarray(image).quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    return np.asarray(palette.convert("RGB"))


def at(field, points):
    """A field's values at points (y, x); points outside take the nearest pixel's."""
    y, x = np.rint(points).astype(int).T
    return field[np.clip(y, 0, field.shape[0] - 1), np.clip(x, 0, field.shape[1] - 1)]


def distance_to(others, points):
    return cKDTree(others).query(points)[0] if len(others) else np.full(len(points), np.inf)


def render(scene, nests, cells, rng):
    shape = scene.shape
    medium = smooth_noise(shape, 6, rng)
    pixels = np.indices(shape).reshape(2, -1).T
    distance, index = cKDTree(cells.centres).query(pixels, k=2)
    nearest = index[:, 0]
    between = np.hypot(*(cells.centres[nearest] - cells.centres[index[:, 1]]).T) + 1e-9
    wall = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * between)
    edge = np.minimum(wall, cells.reach[nearest] - distance[:, 0]).reshape(shape)
    owner = nearest.reshape(shape)
    body = np.clip(edge + 0.5, 0, 1)  # 1 within a tumour cell
    membrane = np.exp(-(((edge - 1.6) / 1.5) ** 2)) * (cells.reach[owner] > 0)
    nucleus, radius = nuclei(cells, pixels, nearest, shape)

    positive = cells.kind[owner] == POSITIVE
    strength = np.clip(rng.normal(0.85, 0.3, len(cells.kind)), 0.25, 1.4)[owner] * (1 + 0.16 * medium)
    dab = positive * (0.95 * strength * membrane + 0.14 * body)
    pale = 0.9 + 0.2 * np.clip(radius, 0, 1) ** 4 + 0.07 * medium  # chromatin gathers at the nucleus' border
    fibres = np.clip(-nests, 0, 0.5) * (0.08 + 0.04 * np.sin(medium * 1.5 + pixels.sum(1).reshape(shape) / 9))
    haematoxylin = 0.03 + fibres + 0.10 * body + 0.05 * membrane * ~positive + nucleus * cells.dark[owner] * pale
    dab = dab * (1 - 0.75 * nucleus)

    optical = scene.stain[0] * haematoxylin[..., None] * HAEMATOXYLIN + scene.stain[1] * dab[..., None] * DAB
    light = gaussian_filter(244 * np.exp(-np.clip(optical, 0, None)), (0.7, 0.7, 0))
    light += 0.8 * gaussian_filter(rng.standard_normal(light.shape), (0.8, 0.8, 0))
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def nuclei(cells, pixels, nearest, shape):
    """How much of a pixel is nucleus (0..1), and its distance from the nucleus' centre as a share of the ellipse."""
    v, u = (pixels - cells.centres[nearest]).T
    cos, sin = np.cos(cells.angle)[nearest], np.sin(cells.angle)[nearest]
    long, short = cells.axes[nearest].T
    radius = np.hypot((u * cos + v * sin) / long, (v * cos - u * sin) / short)
    return np.clip((1 - radius) * short / 1.4 + 0.5, 0, 1).reshape(shape), radius.reshape(shape)
