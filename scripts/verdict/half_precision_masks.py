"""Masks of a record's H&E networks as half precision would give them, and their confusion matrix.

    python scripts/verdict/half_precision_masks.py RECORD OUT

Emulates CUDA's autocast on a processor: inputs, weights and outputs of every convolution, and what the layers behind
them give, are rounded to float16; sums within a layer and the softmax are in float32. OUT receives inference/he/*.png and figures/he/cm.npy,
to be put over a copy of RECORD: a run on that copy is to end `within tolerance`.
Packages: scripts/sample/requirements.txt.
"""

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


def in_half_precision(network):
    """Rounds the weights of convolutions, and what layers take and give, to float16."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            for parameter in layer.parameters():
                parameter.data = parameter.data.half().float()
            layer.register_forward_pre_hook(lambda _, inputs: tuple(each.half().float() for each in inputs))
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.LeakyReLU)):
            layer.register_forward_hook(lambda _, __, output: output.half().float())
    return network


def main(record, out):
    networks = [in_half_precision(load_fold(fold)) for fold in sorted((record / "models/he" / MODEL).glob("fold_*"))]
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
    main(Path(sys.argv[1]), Path(sys.argv[2]))
