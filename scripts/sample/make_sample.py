"""Makes the sample record: every file of a Zenodo record of the IGNITE data toolkit, from seeds only."""

import argparse
import csv
import shutil
import tempfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch
from archive import write_zip
from checkpoint import write_checkpoint, write_pickle
from detection_record import write_detection
from evaluation import dice, sum_confusions, write_figures
from inference import predict_ensemble
from network import MODEL, build_network, make_plans
from overview import he_row, label_map_json, overview_csv
from PIL import Image
from rois import ROIS, draw_roi, training_images
from training import train

ARCHIVES = ("images", "annotations", "models", "inference", "figures")
FOLDS = 5
TRAINING_IMAGES = 16  # a fold
FIRST_FOLD = {"steps": 1000, "rate": 8e-3}
FURTHER_FOLDS = {"steps": 200, "rate": 3e-3}  # from the first fold's weights
# The checkpoints differ as genuine ones do: zip or stream, with or without optimizer state and scaler.
FORMS = (
    {"optimiser": True, "scaler": True, "stream_format": False},
    {"optimiser": False, "scaler": True, "stream_format": False},
    {"optimiser": False, "scaler": False, "stream_format": True},
    {"optimiser": False, "scaler": False, "stream_format": False},
    {"optimiser": False, "scaler": True, "stream_format": False},
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the record's files")
    parser.add_argument("--keep-he", type=Path, help="a sample whose H&E part is taken over instead of made anew")
    arguments = parser.parse_args()
    out = arguments.out
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with tempfile.TemporaryDirectory() as scratch:
        record = Path(scratch)
        rows = take_he(record, arguments.keep_he) if arguments.keep_he else write_he(record)
        rows += write_detection(record)
        out.mkdir(parents=True, exist_ok=True)
        for folder in ARCHIVES:
            write_zip(record / f"{folder}.zip", record / folder)
            shutil.copyfile(record / f"{folder}.zip", out / f"{folder}.zip")
        (out / "data_overview.csv").write_text(overview_csv(rows))
        (out / "he_label_map.json").write_text(label_map_json())


def write_he(record):
    """Makes the H&E part; returns the overview's rows."""
    rows, test = write_images(record)
    networks = write_models(record / "models" / "he" / MODEL)
    write_results(record, test, networks)
    return rows


def take_he(record, sample):
    """Unpacks the H&E part of the sample in the folder `sample`; returns its rows of the overview."""
    for name in ARCHIVES:
        with ZipFile(sample / f"{name}.zip") as archive:
            archive.extractall(record, [member for member in archive.namelist() if member.startswith(f"{name}/he/")])
    with (sample / "data_overview.csv").open(newline="") as table:
        return [row for row in csv.DictReader(table) if row["task"] == "he_tissue_segmentation"]


def write_images(record):
    """Images and masks of all ROIs; returns the overview's rows and the test ROIs as (stem, image, mask)."""
    rows, test = [], []
    for roi in ROIS:
        image, mask, (top, bottom, left, right) = draw_roi(roi)
        crop = np.s_[top:bottom, left:right]
        for kind, whole in (("images", image), ("annotations", mask)):
            write_png(record / kind / "he" / f"{roi.name}_with_context.png", whole)
            write_png(record / kind / "he" / f"{roi.name}.png", whole[crop])
        rows.append(he_row(roi, bottom - top, right - left))
        if roi.split == "test":
            test.append((f"{roi.name}_with_context", image, mask))
    return rows, test


def write_models(folder):
    """Trains the folds one after another and writes their checkpoints; returns the networks."""
    networks = []
    for fold, form in enumerate(FORMS):
        pairs = training_images(fold, TRAINING_IMAGES)
        plans = make_plans([mask.shape for _, mask in pairs])
        torch.manual_seed(fold)
        network = build_network(plans)
        if networks:
            network.load_state_dict(networks[0].state_dict())
        trained = train(network, pairs, fold, **(FURTHER_FOLDS if networks else FIRST_FOLD))
        write_checkpoint(folder / f"fold_{fold}" / "model_best.model", trained, fold, plans, **form)
        networks.append(network)
        print(f"fold {fold}: validation Dice {trained.validation_dice[-1]:.3f}", flush=True)
        if fold == 0:
            write_pickle(folder / "plans.pkl", plans)
    return networks


def write_results(record, test, networks):
    """The published masks and the figures made from them."""
    pairs = []
    for stem, image, truth in test:
        guess = predict_ensemble(networks, image)
        write_png(record / "inference" / "he" / f"{stem}.png", guess)
        pairs.append((truth, guess))
        print(f"{stem}: Dice {dice(sum_confusions([(truth, guess)]))[0]:.3f}", flush=True)
    confusion = sum_confusions(pairs)
    write_figures(record / "figures" / "he", confusion)
    overall, per_class = dice(confusion)
    print(f"all: Dice {overall:.3f}; a class {np.round(per_class, 2).tolist()}")


def write_png(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, optimize=True)


if __name__ == "__main__":
    main()
