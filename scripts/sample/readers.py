"""What readers would have marked in an image whose cells are known, and the COCO file that holds all of it."""

import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Habit:
    """How a reader differs from the ground truth: shares of missed, invented and misclassified cells, position noise in px."""

    missed: float
    invented: float
    misnamed: float
    spread: float


HABITS = {
    "R1": Habit(0.06, 0.04, 0.0, 1.4),
    "R2": Habit(0.13, 0.06, 0.0, 2.0),
    "R3": Habit(0.18, 0.05, 0.0, 2.2),
    "R4": Habit(0.08, 0.16, 0.0, 1.6),
    "P1": Habit(0.04, 0.03, 0.03, 2.0),
    "P2": Habit(0.09, 0.05, 0.05, 3.0),
    "P3": Habit(0.07, 0.06, 0.04, 2.5),
    "P4": Habit(0.05, 0.04, 0.03, 2.0),
    "P5": Habit(0.10, 0.04, 0.05, 3.2),
    "P6": Habit(0.06, 0.08, 0.05, 2.6),
}


def read_cells(habit, cells, area, classes, rng):
    """A reader's marks (x, y, class) int64 within `area` (x1, y1, x2, y2), in an order of the reader's own."""
    seen = cells[rng.random(len(cells)) >= habit.missed].copy()
    seen[:, :2] += rng.normal(0, habit.spread, (len(seen), 2))
    if classes > 1:
        wrong = rng.random(len(seen)) < habit.misnamed
        seen[wrong, 2] = (seen[wrong, 2] + rng.integers(1, classes, wrong.sum())) % classes
    count = round(habit.invented * len(cells))
    invented = np.column_stack([
        rng.uniform(area[0], area[2], count),
        rng.uniform(area[1], area[3], count),
        rng.integers(0, classes, count),
    ])  # fmt: skip
    marks = np.rint(np.concatenate([seen, invented])).astype(np.int64)
    x, y, _ = marks.T
    marks = marks[(x >= area[0]) & (y >= area[1]) & (x <= area[2]) & (y <= area[3])]
    return marks[rng.permutation(len(marks))]


def coco(task, images, marks):
    """The record's COCO document.

    `images`: (file name, (height, width), annotated (x1, y1, x2, y2)) in the order of their ids; `marks`: (image's
    place, reader, marks). A category is one class of one reader; boxes are squares around the marks.
    """
    reader_classes = [(reader, name) for reader in task.readers for name in task.classes]
    annotations = []
    for place, reader, points in marks:
        first = 1 + task.readers.index(reader) * len(task.classes)
        for x, y, kind in points.tolist():
            annotations.append({
                "id": len(annotations),
                "image_id": place,
                "category_id": first + kind,
                "bbox": [x - task.box // 2, y - task.box // 2, task.box, task.box],
                "area": task.box**2,
                "iscrowd": 0,
                "segmentation": [],
            })  # fmt: skip
    return {
        "info": {"description": f"synthetic cells, {task.name} test set"},
        "licenses": [],
        "images": [
            {"id": place, "file_name": name, "width": width, "height": height, "annotated_xyxy": list(area)}
            for place, (name, (height, width), area) in enumerate(images)
        ],
        "annotations": annotations,
        "categories": [
            {"id": number, "name": name, "supercategory": f"reader {reader}"}
            for number, (reader, name) in enumerate(reader_classes, 1)
        ],
    }


def points_of(document, task, place, reader):
    """A reader's points (n, 3) on an image as the evaluation takes them, or None: the reader did not read it."""
    categories = {c["id"] for c in document["categories"] if c["supercategory"] == f"reader {reader}"}
    offset = next(a["bbox"][3] for a in document["annotations"] if a["id"] == 0) // 2
    found = [
        (a["bbox"][0] + offset, a["bbox"][1] + offset, (a["category_id"] - 1) % len(task.classes))
        for a in document["annotations"]
        if a["image_id"] == place and a["category_id"] in categories
    ]
    return np.array(found) if found else None


def write_coco(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
