"""Synthetic H&E tissue: which tissue is where, what it looks like, and what an annotator would have drawn."""

from dataclasses import dataclass

import numpy as np
from fields import smooth_noise
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates, median_filter
from staining import PAINTERS, Canvas

# Optical density of a unit of stain in red, green and blue.
HAEMATOXYLIN = np.array([0.62, 0.72, 0.32])
EOSIN = np.array([0.12, 0.84, 0.36])
BLOOD = np.array([0.16, 1.02, 0.92])


@dataclass(frozen=True)
class Region:
    """One of the tissues competing for the image: it covers the pixels where its field (noise + bias + slope) is highest.

    `scale` is the noise's correlation length in pixels; `towards` an optional (down, right) direction with a strength,
    for tissue that belongs to one side of the image.
    """

    label: int
    bias: float
    scale: float = 40.0
    towards: tuple[float, float] = (0.0, 0.0)


def tissue_map(shape, regions, rng):
    """Labels (uint8, HxW) of regions with organic borders."""
    down, right = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    fields = [
        smooth_noise(shape, region.scale, rng)
        + 0.06 * smooth_noise(shape, 4, rng)
        + region.bias
        + region.towards[0] * down
        + region.towards[1] * right
        for region in regions
    ]
    winner = np.argmax(fields, axis=0)
    return median_filter(np.array([r.label for r in regions], np.uint8)[winner], size=9)


def render(tissue, rng, stain=(1.0, 1.0)):
    """RGB image (uint8, HxWx3) of a tissue map; `stain` multiplies haematoxylin and eosin, as laboratories differ."""
    canvas = Canvas(tissue.shape, rng)
    density = np.zeros((*tissue.shape, 3), np.float64)
    weights = np.zeros(tissue.shape, np.float64)
    for label in np.unique(tissue):
        weight = gaussian_filter((tissue == label).astype(np.float32), 1.3)
        y, x = np.nonzero(weight > 0.03)
        h, e, blood = PAINTERS[int(label)](canvas, y, x, rng)
        share = weight[y, x]
        density[y, x] += share[:, None] * np.stack([h * stain[0], e * stain[1], blood], axis=1)
        weights[y, x] += share
    density = np.clip(density / weights[..., None], 0, None)
    optical = density @ np.stack([HAEMATOXYLIN, EOSIN, BLOOD])
    light = gaussian_filter(243 * np.exp(-optical), (0.7, 0.7, 0))
    light += 1.2 * gaussian_filter(rng.standard_normal(light.shape), (0.8, 0.8, 0))
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def economise(image, colours=40):
    """Reduces the image to a limited number of colours (still RGB), to keep the sample's PNG files small."""
    palette = Image.fromarray(image).quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.asarray(palette.convert("RGB"))


def annotate(tissue, rng, wobble=2.2):
    """The mask an annotator would draw: borders off by a few pixels, small details smoothed away."""
    y, x = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in tissue.shape), indexing="ij")
    moved = [axis + wobble * smooth_noise(tissue.shape, 9, rng) for axis in (y, x)]
    drawn = map_coordinates(tissue, moved, order=0, mode="nearest")
    return median_filter(drawn, size=7)
