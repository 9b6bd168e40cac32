"""The record's table of ROIs and its label map."""

import csv
import io
import json

from labels import NAMES

COLUMNS = (
    "image_path",
    "annotation_path",
    "task",
    "split",
    "validation_fold",
    "patient_id",
    "roi_id",
    "name",
    "source",
    "specimen_type",
    "organ",
    "histological_subtype",
    "stain",
    "scanner",
    "shape",
    "area_mm2",
    "original_tcga_id",
)
MILLIMETRES_A_PIXEL = 0.0005


def he_row(roi, height, width):
    """One H&E line; height and width are those of the crop without context, in pixels."""
    return {
        # As the authors' scripts open them: from their own folder in the code.
        "image_path": f"../../data/images/he/{roi.name}.png",
        "annotation_path": f"../../data/annotations/he/{roi.name}.png",
        "task": "he_tissue_segmentation",
        "split": roi.split,
        "validation_fold": "fold0" if roi.split == "train" else "",
        "patient_id": roi.patient,
        "roi_id": roi.number,
        "name": roi.name,
        "source": roi.source,
        "specimen_type": roi.specimen,
        "organ": "lung",
        "histological_subtype": roi.subtype,
        "stain": "H&E",
        "scanner": "synthetic",
        "shape": f"({height}, {width})",
        "area_mm2": f"{height * width * MILLIMETRES_A_PIXEL**2:.6f}",
        "original_tcga_id": "TCGA-XX-0000" if roi.source == "tcga" else "",
    }


def detection_row(roi):
    """One line of an image of cells."""
    folder = f"pdl1/{roi.task.name}"
    height, width = roi.scene.shape
    return {
        "image_path": f"../../data/images/{folder}/{roi.name}.png",
        "annotation_path": f"../../data/annotations/{folder}/{roi.task.annotation_file}",
        "task": roi.task.task,
        "split": "test",
        "validation_fold": "",
        "patient_id": roi.patient,
        "roi_id": 1,
        "name": roi.name,
        "source": roi.source,
        "specimen_type": roi.specimen,
        "organ": "lung",
        "histological_subtype": roi.subtype,
        "stain": "PD-L1",
        "scanner": "synthetic",
        "shape": f"({height}, {width})",
        "area_mm2": f"{height * width * MILLIMETRES_A_PIXEL**2:.6f}",
        "original_tcga_id": "",
    }


def overview_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def label_map_json():
    return json.dumps({name: value for value, name in enumerate(NAMES)}, indent=2) + "\n"
