"""Makes an H&E record of another shape for every seed: other widths, depths, image sizes and checkpoint forms.

    python make_he_record.py --seed 7 --out RECORD

The networks are random, with statistics of normalisation taken from the images, so that every class occurs; what is
published, masks and cm.npy, is computed with nnU-Net's own sliding window under PyTorch. For checks of agreement on
records that nobody has looked at; `reignite run --profile paper --tasks he --data RECORD` takes one as it is.
"""

import argparse
from pathlib import Path
from types import SimpleNamespace

import labels as L
import numpy as np
import torch
from checkpoint import write_checkpoint, write_pickle
from evaluation import sum_confusions, write_figures
from inference import predict_ensemble
from make_sample import FOLDS, write_png
from network import MODEL, build_network, make_plans, to_input
from overview import he_row, label_map_json, overview_csv
from rois import TISSUES, Roi, draw_roi
from tissue import Region

LOGIT_SPREAD = 3.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the unpacked record")
    arguments = parser.parse_args()
    rng = np.random.default_rng([47, arguments.seed])
    rois = [random_roi(rng, number) for number in range(1, 1 + int(rng.integers(3, 6)))]
    drawn = [(roi, *draw_roi(roi)) for roi in rois]
    networks = write_folds(arguments.out / "models" / "he" / MODEL, rng, [image for _, image, _, _ in drawn])
    write_record(arguments.out, drawn, networks)


def random_roi(rng, number):
    sides = (rng.integers(90, 512), 512, rng.integers(513, 800), rng.integers(800, 1400), 769, 1025)
    shape = tuple(int(side) for side in rng.choice(sides, 2))
    tissues = rng.choice(TISSUES, 5, replace=False)
    regions = tuple(Region(int(tissue), float(rng.uniform(-0.2, 0.4)), float(rng.uniform(28, 50))) for tissue in tissues)
    stain = tuple(rng.uniform(0.9, 1.1, 2).tolist())
    return Roi(number, 1, "test", "rumc", "biopsy", "adenocarcinoma", shape, regions, stain, stray=number == 2)


def write_folds(folder, rng, images):
    base, pools = int(rng.integers(5, 20)), int(rng.integers(2, 8))
    plans = make_plans([image.shape[:2] for image in images], base, pools)
    write_pickle(folder / "plans.pkl", plans)
    print(f"base features {base}, {pools} poolings, images {[image.shape[:2] for image in images]}", flush=True)
    networks = [random_network(plans, int(rng.integers(2**31)), images) for _ in range(FOLDS)]
    for fold, network in enumerate(networks):
        form = {name: bool(rng.integers(2)) for name in ("optimiser", "scaler", "stream_format")}
        print(f"fold {fold}: {form}", flush=True)
        optimiser = torch.optim.SGD(network.parameters(), 1e-2, momentum=0.99, nesterov=True)
        curves = {"training_losses": [1.0], "validation_losses": [1.0], "validation_dice": [0.5]}
        trained = SimpleNamespace(network=network, optimiser=optimiser, epoch=1, **curves)
        write_checkpoint(folder / f"fold_{fold}" / "model_best.model", trained, fold, plans, **form)
    return networks


def random_network(plans, seed, images):
    torch.manual_seed(seed)
    network = build_network(plans)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    batch = torch.stack([to_input(whole_patch(image)) for image in images])
    with torch.no_grad():
        for norm in norms:
            norm.weight.uniform_(0.6, 1.4)
            norm.bias.normal_(0, 0.2)
            norm.momentum = None  # the statistics of this one batch, not a mean with those of a new network
        network.train()
        network(batch)
        network.eval()
        network.do_ds = False
        network.seg_outputs[-1].weight *= LOGIT_SPREAD / network(batch).std()
    return network


def whole_patch(image, size=512):
    return np.pad(image, ((0, size), (0, size), (0, 0)), mode="wrap")[:size, :size]


def write_record(out, drawn, networks):
    rows, pairs = [], []
    for roi, image, mask, (top, bottom, left, right) in drawn:
        crop = np.s_[top:bottom, left:right]
        for kind, whole in (("images", image), ("annotations", mask)):
            write_png(out / kind / "he" / f"{roi.name}_with_context.png", whole)
            write_png(out / kind / "he" / f"{roi.name}.png", whole[crop])
        rows.append(he_row(roi, int(bottom - top), int(right - left)))
        guess = predict_ensemble(networks, image)
        write_png(out / "inference" / "he" / f"{roi.name}_with_context.png", guess)
        pairs.append((mask, guess))
    write_figures(out / "figures" / "he", sum_confusions(pairs))
    (out / "data_overview.csv").write_text(overview_csv(rows))
    (out / "he_label_map.json").write_text(label_map_json())


if __name__ == "__main__":
    main()
