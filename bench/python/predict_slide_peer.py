"""The peer of bench/predict-slide.ts: tiles of a slide through PyTorch one by one, as a script of a lab does it.

    python predict_slide_peer.py --model NNUNET_FOLDER --slide SLIDE.tif --tissue PREDICTED/tissue/NAME.png [--fold 0] [--tiles 60]

Tiles of 512 px at 0.5 µm/px with a step of 256 px, those that touch tissue (blocks of 16 px, as reignite found it); read by
OpenSlide from the largest level and made smaller by Pillow (Lanczos), softmax of one fold, weighted and added up. So many
tiles, evenly spread, are timed; the rest is computed from them. Packages: scripts/sample/requirements.txt, openslide-python,
openslide-bin.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import openslide
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))
from segment_roi_peer import load_fold, peak_memory  # noqa: E402

PATCH, STEP, BLOCK = 512, 256, 16

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--model", type=Path, required=True)
parser.add_argument("--slide", type=Path, required=True)
parser.add_argument("--tissue", type=Path, required=True)
parser.add_argument("--fold", default="0")
parser.add_argument("--tiles", type=int, default=60)
options = parser.parse_args()

slide = openslide.OpenSlide(options.slide)
factor = round(0.5 / float(slide.properties[openslide.PROPERTY_NAME_MPP_X]))
width, height = (side // factor for side in slide.dimensions)
tissue = np.asarray(Image.open(options.tissue)) > 0


def starts(length):
    count = int(np.ceil((length - PATCH) / STEP)) + 1
    return [round(k * (length - PATCH) / (count - 1)) for k in range(count)]


def touches(x, y):
    return tissue[y // BLOCK : -(-(y + PATCH) // BLOCK), x // BLOCK : -(-(x + PATCH) // BLOCK)].any()


places = [(x, y) for y in starts(height) for x in starts(width) if touches(x, y)]
chosen = [places[k * len(places) // options.tiles] for k in range(options.tiles)]
network = load_fold(next(options.model.glob(f"**/fold_{options.fold}")))
network.do_ds = False
axis = np.exp(-0.5 * ((np.arange(PATCH) - PATCH // 2) / (PATCH / 8)) ** 2).astype(np.float32)
weight = torch.from_numpy(np.outer(axis, axis))
total = torch.zeros([17, PATCH, PATCH])


def predict(x, y):
    region = slide.read_region((x * factor, y * factor), 0, (PATCH * factor, PATCH * factor)).convert("RGB")
    pixels = np.asarray(region.resize((PATCH, PATCH), Image.Resampling.LANCZOS), dtype=np.float32) / 255
    with torch.inference_mode():
        logits = network(torch.from_numpy(pixels.transpose(2, 0, 1)[None]))
        total.add_(torch.softmax(logits[0] if isinstance(logits, (list, tuple)) else logits, 1)[0] * weight)


predict(*chosen[0])
started = time.perf_counter()
for place in chosen:
    predict(*place)
seconds = (time.perf_counter() - started) / len(chosen)
report = {
    "tiles": len(places),
    "secondsPerTile": round(seconds, 4),
    "secondsOfAll": round(seconds * len(places), 1),
    "peakRssBytes": peak_memory(),
    "threads": torch.get_num_threads(),
}
print(json.dumps(report))
