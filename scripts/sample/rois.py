"""The sample's regions of interest, and the separate images that the networks are trained on."""

from dataclasses import dataclass

import labels as L
import numpy as np
from fields import smooth_noise
from tissue import Region, annotate, economise, render, tissue_map

STRAY_VALUE = 255  # one published mask carries an area of a value that is no label


@dataclass(frozen=True)
class Roi:
    """One region of interest: its patient, its size with context, and the tissues that compete in it."""

    patient: int
    number: int
    split: str
    source: str
    specimen: str
    subtype: str
    shape: tuple[int, int]
    regions: tuple[Region, ...]
    stain: tuple[float, float]
    stray: bool = False

    @property
    def name(self):
        return f"patient{self.patient}_he_roi{self.number}"


# Heights and widths: 769 has a tile step of 128.5 px, 512 is one tile exactly, 480 is padded, 1100 takes four tiles.
ROIS = (
    Roi(1, 1, "test", "rumc", "resection", "squamous_cell_carcinoma", (600, 700), (
        Region(L.STROMA, 0.55), Region(L.TUMOUR, 0.75, 46), Region(L.INFLAMMATION, -0.1, 34),
        Region(L.KERATIN, -0.35, 40, (0.4, 0.8)), Region(L.NECROSIS, -0.2, 46, (-0.8, 0.6)),
        Region(L.BACKGROUND, -0.7, 40, (0.2, -1.7)),
    ), (1.0, 1.0)),
    Roi(1, 2, "test", "rumc", "resection", "squamous_cell_carcinoma", (769, 1100), (
        Region(L.STROMA, 0.3), Region(L.TUMOUR, 0.3, 50, (0.6, 1.2)), Region(L.ALVEOLAR, 0.2, 60, (-0.5, -1.5)),
        Region(L.INFLAMMATION, -0.05, 34), Region(L.ERYTHROCYTES, -0.3, 36, (0.3, -0.6)),
        Region(L.MACROPHAGES, -0.25, 40, (-0.8, -0.8)), Region(L.NECROSIS, -0.3, 46, (0.8, 1.0)),
    ), (1.04, 0.97)),
    Roi(2, 1, "test", "tcga", "resection", "adenocarcinoma", (900, 512), (
        Region(L.STROMA, 0.3), Region(L.TUMOUR, 0.3, 44, (-1.0, 0.0)), Region(L.MUCUS, -0.05, 46, (-0.7, 0.6)),
        Region(L.FAT, 0.1, 60, (1.6, 0.0)), Region(L.MUSCLE, 0.1, 50, (0.9, -0.7)), Region(L.INFLAMMATION, -0.2, 34),
    ), (0.93, 1.06), stray=True),
    Roi(3, 1, "test", "rumc", "biopsy", "adenocarcinoma", (480, 560), (
        Region(L.ALVEOLAR, 0.5, 60), Region(L.MACROPHAGES, 0.2, 44), Region(L.ERYTHROCYTES, 0.0, 40),
        Region(L.STROMA, 0.2, 34), Region(L.TUMOUR, 0.0, 44, (0.5, 0.8)),
    ), (0.98, 0.94)),
    Roi(4, 1, "train", "rumc", "biopsy", "adenocarcinoma", (256, 288), (
        Region(L.TUMOUR, 0.3, 34), Region(L.STROMA, 0.3, 34), Region(L.INFLAMMATION, 0.0, 30),
    ), (1.0, 1.0)),
)  # fmt: skip


def draw_roi(roi):
    """Image (HxWx3 uint8), mask (HxW uint8, 0 in the context around the annotated region) and crop box of an ROI."""
    rng = np.random.default_rng([15674785, roi.patient, roi.number])
    tissue = tissue_map(roi.shape, roi.regions, rng)
    image = economise(render(tissue, rng, roi.stain))
    mask = np.where(annotated_region(roi.shape, rng), annotate(tissue, rng), L.UNANNOTATED).astype(np.uint8)
    if roi.stray:
        middle = (mask.shape[0] // 2, mask.shape[1] // 3)
        mask[middle[0] : middle[0] + 18, middle[1] : middle[1] + 26] = STRAY_VALUE
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return image, mask, (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)


def annotated_region(shape, rng):
    """Where the annotator worked: a rounded box a twelfth of the shorter side away from the border (HxW, bool)."""
    down, right = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    margin = 1 - np.array([2 / 12 * min(shape) / n for n in shape])
    reach = (np.abs(down) / margin[0]) ** 8 + (np.abs(right) / margin[1]) ** 8
    return reach < 1 + 0.25 * smooth_noise(shape, 24, rng)


def training_images(fold, count, size=320):
    """Returns `count` pairs (image HxWx3 uint8, mask HxW uint8), made like the ROIs but independent of them."""
    rng = np.random.default_rng([20260101, fold])
    pairs = []
    for number in range(count):
        # In turn, so that a fold misses no tissue; one more at random, and glass on every third image.
        chosen = {TISSUES[(number + offset) % len(TISSUES)] for offset in (0, 4, 7)} | {rng.choice(TISSUES)}
        chosen |= {L.BACKGROUND} if number % 3 == 0 else set()
        regions = [Region(int(label), rng.uniform(-0.2, 0.3), rng.uniform(28, 45)) for label in sorted(chosen)]
        tissue = tissue_map((size, size), regions, rng)
        stain = tuple(rng.uniform(0.86, 1.14, 2))
        pairs.append((economise(render(tissue, rng, stain)), annotate(tissue, rng)))
    return pairs


TISSUES = (
    L.TUMOUR, L.STROMA, L.INFLAMMATION, L.ALVEOLAR, L.FAT,
    L.NECROSIS, L.ERYTHROCYTES, L.MUCUS, L.MACROPHAGES, L.MUSCLE, L.KERATIN,
)  # fmt: skip
