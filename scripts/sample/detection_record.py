"""The detection part of the sample record: images, readers' marks, detectors, published points and figures."""

from dataclasses import dataclass

import numpy as np
import torch
from agreement import AI, agreement, draw_agreement, draw_image
from cells import Scene, draw_scene
from detection import detect
from detection_tasks import NUCLEI, PDL1, TASKS, Task
from detector import train, training_scenes, write_stripped, write_unfinished
from overview import detection_row
from PIL import Image
from readers import HABITS, coco, points_of, read_cells, write_coco

TRAINING_IMAGES = 20


@dataclass(frozen=True)
class CellRoi:
    """One image of cells; `area` is the box (x1, y1, x2, y2) that the readers worked on."""

    task: Task
    patient: int
    source: str
    specimen: str
    subtype: str
    scene: Scene
    area: tuple[int, int, int, int]

    @property
    def name(self):
        return f"patient{self.patient}_{self.task.name}_roi1"

    @property
    def readers(self):
        """All of the nuclei task's readers; of the PD-L1 task's, three read each of the two centres' images."""
        if self.task is NUCLEI:
            return self.task.readers
        return GROUPS[self.source]


GROUPS = {"rumc": PDL1.readers[:3], "scdc": PDL1.readers[3:]}
FIGURES = {
    NUCLEI: (("f1_scores_nuclei", NUCLEI.readers, "F1 scores per reader", "Blues"),),
    PDL1: (
        ("f1_scores_RUMC", GROUPS["rumc"], "F1 scores per reader (RUMC)", "Blues"),
        ("f1_scores_SCDC", GROUPS["scdc"], "F1 scores per reader (SCDC)", "Reds"),
    ),
}

# One tile, two tiles next to each other, four tiles; areas that touch no border, one border, and all of them.
CELL_ROIS = (
    CellRoi(NUCLEI, 5, "rumc", "resection", "adenocarcinoma", Scene((512, 512), 0.3), (40, 32, 472, 480)),
    CellRoi(NUCLEI, 6, "scdc", "biopsy", "squamous_cell_carcinoma",
            Scene((512, 1024), 0.0, 0.2, 32, (1.08, 0.9)), (0, 24, 980, 500)),
    CellRoi(NUCLEI, 7, "rumc", "resection", "squamous_cell_carcinoma",
            Scene((512, 512), -0.3, -0.2, 35, (0.9, 1.1)), (0, 0, 512, 512)),
    CellRoi(PDL1, 5, "rumc", "resection", "adenocarcinoma", Scene((512, 512), 0.2), (30, 40, 480, 470)),
    CellRoi(PDL1, 6, "scdc", "biopsy", "squamous_cell_carcinoma",
            Scene((1024, 1024), 0.0, 0.1, 33, (1.06, 0.9)), (64, 48, 1000, 960)),
    CellRoi(PDL1, 8, "rumc", "biopsy", "adenocarcinoma",
            Scene((512, 512), 0.0, 0.3, 35, (0.92, 1.08)), (0, 20, 512, 490)),
)  # fmt: skip


def write_detection(record):
    """Writes the detection part into the folder `record`; returns the overview's rows."""
    lessons = list(training_scenes(0, TRAINING_IMAGES))
    rows = []
    for seed, task in enumerate(TASKS):
        rois = [roi for roi in CELL_ROIS if roi.task is task]
        drawn = [draw_scene(roi.scene, np.random.default_rng([5, seed, n])) for n, roi in enumerate(rois)]
        document = annotate(task, rois, drawn, seed)
        write_coco(record / "annotations" / "pdl1" / task.name / task.annotation_file, document)
        network = TRAINERS[task](record / "models" / "pdl1" / task.name / task.weights_file, lessons)
        points = []
        for place, (roi, (image, cells)) in enumerate(zip(rois, drawn, strict=True)):
            write_image(record / "images" / "pdl1" / task.name / f"{roi.name}.png", image)
            found = detect(network, image, task, roi.area)
            write_points(record / "inference" / "pdl1" / task.name / f"{roi.name}.npy", found)
            marks = {reader: points_of(document, task, place, reader) for reader in roi.readers}
            points.append({**marks, AI: found, "truth": truth_of(task, roi, cells)})
            rows.append(detection_row(roi))
        write_figures(record / "figures" / "pdl1" / task.name, task, rois, drawn, points)
    return rows


def annotate(task, rois, drawn, seed):
    """The COCO document of what the readers of each image would have marked."""
    marks = []
    for place, (roi, (_, cells)) in enumerate(zip(rois, drawn, strict=True)):
        truth = truth_of(task, roi, cells)
        for reader in roi.readers:
            rng = np.random.default_rng([6, seed, place, task.readers.index(reader)])
            marks.append((place, reader, read_cells(HABITS[reader], truth, roi.area, len(task.classes), rng)))
    return coco(task, [(f"{roi.name}.png", roi.scene.shape, roi.area) for roi in rois], marks)


def truth_of(task, roi, cells):
    """The image's cells within the annotated area, with the task's classes."""
    x, y, _ = cells.T
    x1, y1, x2, y2 = roi.area
    inside = cells[(x >= x1) & (y >= y1) & (x <= x2) & (y <= y2)]
    return inside if task is PDL1 else inside * (1, 1, 0)


def train_nuclei(path, lessons):
    _, average = train(NUCLEI, width=0.125, seed=1, images=lessons, steps=300, rate=0.01)
    write_stripped(path, average)
    return load(path)


def train_pdl1(path, lessons):
    steps = 450
    network, average = train(PDL1, width=0.0625, seed=2, images=lessons, steps=steps, rate=0.01)
    write_unfinished(path, network, average, steps)
    return load(path)


TRAINERS = {NUCLEI: train_nuclei, PDL1: train_pdl1}


def load(path):
    """The network that a checkpoint is used for: its average if it has one, in single precision, fused."""
    state = torch.load(path, map_location="cpu", weights_only=False)
    return (state["ema"] or state["model"]).float().eval().fuse()


def write_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, optimize=True)


def write_points(path, points):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, points)


def write_figures(folder, task, rois, drawn, points):
    for roi, (image, _), found in zip(rois, drawn, points, strict=True):
        title = f"Evaluation plot for {roi.name}.png"
        draw_image(image, roi.area, found, task, title, folder / f"{roi.name}.png")
    for name, readers, title, colours in FIGURES[task]:
        scores = agreement([p for p in points if readers[0] in p], readers, task)
        draw_agreement(scores, readers, title, colours, folder / f"{name}.png")
        print(f"{name}\n{np.round(scores[1:, :-1], 2)}", flush=True)
    truth = agreement([{"truth": p["truth"], AI: p[AI]} for p in points], ("truth",), task)[1, 0]
    print(f"{task.name}: F1 of the detector against the drawn cells {truth:.3f}", flush=True)
