"""The peer of bench/detect-image.ts: YOLOv5s on one image as the authors' pipeline does it, without its figure.

    python detect_image_peer.py FOLDER THREADS

Each line it reads names what to do. `prepare` makes FOLDER/yolov5s.pt (random weights, half precision, one class) and
FOLDER/image.png (1024 x 1024 px) and answers `ready`. `pytorch` runs from the image file to the file of points, the
network being loaded and fused already, and answers the time in ms. Needs torch 2.5.1, yolov5 7.0.14, Pillow.
"""

import sys
import time
import types
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from PIL import Image

# The package imports a function from another one that it does not need here.
checks = types.ModuleType("ultralytics.utils.checks")
checks.check_requirements = lambda *args, **kwargs: None
sys.modules.update({
    "ultralytics": types.ModuleType("ultralytics"),
    "ultralytics.utils": types.ModuleType("ultralytics.utils"),
    "ultralytics.utils.checks": checks,
})

import yolov5  # noqa: E402
from yolov5.models.yolo import DetectionModel  # noqa: E402
from yolov5.utils.general import non_max_suppression  # noqa: E402

TILE = 512


def prepare(folder):
    torch.manual_seed(1)
    configuration = Path(yolov5.__file__).parent / "models" / "yolov5s.yaml"
    network = DetectionModel(str(configuration), ch=3, nc=1)
    network.names = {0: "cell"}
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(90, 250, (128, 128, 3), np.uint8)).resize((1024, 1024), Image.BICUBIC)
    Image.fromarray((np.asarray(coarse) - rng.integers(0, 12, (1024, 1024, 3), np.uint8)).astype(np.uint8)).save(folder / "image.png")
    calibrate(network, tiles(folder))
    torch.save({"epoch": -1, "model": deepcopy(network).half(), "ema": None}, folder / "yolov5s.pt")


def calibrate(network, images):
    """Statistics of real activations, and some hundreds of candidates a tile as a trained detector has them."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.cat([tile for _, _, tile in images]))
        network.eval()
        for head in network.model[-1].m:
            head.weight.data *= 4
            head.bias.data.view(3, -1)[:, 4] = -4.0
            head.bias.data.view(3, -1)[:, 5:] = 3.0


def tiles(folder):
    image = np.asarray(Image.open(folder / "image.png").convert("RGB")).astype(np.float32) / 255
    return [
        (top, left, torch.from_numpy(image[top:top + TILE, left:left + TILE]).permute(2, 0, 1)[None].contiguous())
        for top in range(0, image.shape[0], TILE)
        for left in range(0, image.shape[1], TILE)
    ]


def load(folder):
    network = torch.load(folder / "yolov5s.pt", weights_only=False)["model"].float().eval()
    return network.fuse()


def detect(network, folder):
    points = []
    for top, left, tile in tiles(folder):
        with torch.no_grad():
            head = network(tile)[0]
        boxes = non_max_suppression(head, 0.5, 0.5, agnostic=True, max_det=1500)[0].numpy()
        x, y = (boxes[:, 0] + boxes[:, 2]) / 2 + left, (boxes[:, 1] + boxes[:, 3]) / 2 + top
        points.append(np.stack((x, y, boxes[:, 5]), 1))
    points = np.concatenate(points).astype(np.float32).round(2)
    np.save(folder / "peer.npy", points)
    return len(points)


def main():
    folder = Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))
    answers = sys.stdout
    sys.stdout = sys.stderr
    network = None
    for line in sys.stdin:
        if line.strip() == "prepare":
            prepare(folder)
            network = load(folder)
            answer = "ready"
        elif line.strip() == "count":
            answer = detect(network, folder)
        else:
            started = time.perf_counter()
            detect(network, folder)
            answer = (time.perf_counter() - started) * 1000
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
