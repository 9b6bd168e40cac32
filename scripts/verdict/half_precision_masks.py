"""Computes masks of a record's H&E networks in emulated half precision, and their confusion matrix.

    python scripts/verdict/half_precision_masks.py RECORD OUT [--layers convolutions|all] [--folds 0,1,2,3,4]

Emulates CUDA's autocast on a processor: inputs, weights and outputs of every convolution are rounded to float16; with
`--layers all` also what normalisation and activation give. Sums within a layer and the softmax are in float32. `--folds`
names the networks in half precision; the others stay as they are. OUT receives inference/he/*.png and figures/he/cm.npy,
to be put over a copy of RECORD for a run on it.
Packages: scripts/sample/requirements.txt.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts" / "sample"), str(ROOT / "bench" / "python")]
from inference import predict_ensemble  # noqa: E402
from network import MODEL  # noqa: E402
from segment_roi_peer import load_fold  # noqa: E402

LABELS = 17


def in_half_precision(network, layers):
    """Rounds the weights of convolutions, and the inputs and outputs of layers, to float16."""
    rounded = (nn.Conv2d, nn.ConvTranspose2d)
    if layers == "all":
        rounded += (nn.BatchNorm2d, nn.LeakyReLU)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            for parameter in layer.parameters():
                parameter.data = parameter.data.half().float()
            layer.register_forward_pre_hook(lambda _, inputs: tuple(each.half().float() for each in inputs))
        if isinstance(layer, rounded):
            layer.register_forward_hook(lambda _, __, output: output.half().float())
    return network


def main(record, out, layers, folds):
    networks = [load_fold(fold) for fold in sorted((record / "models/he" / MODEL).glob("fold_*"))]
    for fold in folds:
        in_half_precision(networks[fold], layers)
    confusion = np.zeros((LABELS, LABELS), dtype=np.int64)
    (out / "inference/he").mkdir(parents=True, exist_ok=True)
    (out / "figures/he").mkdir(parents=True, exist_ok=True)
    for published in sorted((record / "inference/he").glob("*.png")):
        image = np.asarray(Image.open(record / "images/he" / published.name).convert("RGB"))
        truth = np.asarray(Image.open(record / "annotations/he" / published.name)).astype(np.int64)
        mask = predict_ensemble(networks, image)
        Image.fromarray(mask).save(out / "inference/he" / published.name)
        known = truth < LABELS
        pairs = LABELS * truth[known] + mask[known]
        confusion += np.bincount(pairs, minlength=LABELS**2).reshape(LABELS, LABELS)
        flipped = (mask != np.asarray(Image.open(published))).mean()
        print(f"{published.stem}: {100 * flipped:.4f} % of pixels are others than published")
    np.save(out / "figures/he/cm.npy", confusion)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("record", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--layers", choices=["convolutions", "all"], default="convolutions")
    parser.add_argument("--folds", default="0,1,2,3,4", help="networks in half precision; default: all five")
    options = parser.parse_args()
    main(options.record, options.out, options.layers, [int(fold) for fold in options.folds.split(",")])
