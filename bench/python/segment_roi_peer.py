"""The peer of bench/segment-roi.ts: one ROI as the authors' pipeline does it, with nnU-Net v1's own sliding window.

    python segment_roi_peer.py --model NNUNET_FOLDER --image IMAGE.png --mask OUT.png [--threads N]

All five folds are loaded, each predicts the whole image in single precision without mirroring, the mean of their
softmax decides. Prints one line of JSON: seconds to load the folds, seconds from the image file to the mask file, the
process's peak resident memory in bytes. Packages: scripts/sample/requirements.txt.
"""

import argparse
import json
import pickle
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "sample"))
from inference import predict_ensemble  # noqa: E402
from network import build_network  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--mask", type=Path, required=True)
    parser.add_argument("--threads", type=int, help="default: torch's own choice")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    started = time.perf_counter()
    networks = [load_fold(folder) for folder in sorted(options.model.glob("fold_*"))]
    loaded = time.perf_counter()
    image = np.asarray(Image.open(options.image).convert("RGB"))
    Image.fromarray(predict_ensemble(networks, image)).save(options.mask)
    report = {
        "loadSeconds": loaded - started,
        "seconds": time.perf_counter() - loaded,
        "peakRssBytes": peak_memory(),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(report))


def load_fold(folder):
    plans = pickle.loads((folder / "model_best.model.pkl").read_bytes())["plans"]
    network = build_network(plans)
    checkpoint = torch.load(folder / "model_best.model", map_location="cpu", weights_only=False)
    network.load_state_dict(checkpoint["state_dict"])
    return network.eval()


def peak_memory():
    """Bytes. From the process's own status where there is one: rusage may count what started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
