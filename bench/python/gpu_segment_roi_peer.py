"""PyTorch's time for one ROI on a CUDA GPU, with a network of the paper's size and random weights; scripts/prove-gpu.ts measures reignite's.

    python gpu_segment_roi_peer.py [--width 3328] [--height 2560] [--folds 5]

Each line of JSON is one way to do it: seconds of the second of two runs, from pixels in memory to the label map in memory.
`authors` is what the paper's container does (half precision by autocast, one tile at a time, softmax maps summed on the
host), the others keep the sums on the GPU. Needs torch with CUDA and numpy.
"""

import argparse
import json
import time

import numpy as np
import torch
from torch import nn

FEATURES, CLASSES, TILE = [32, 64, 128, 256, 480, 480, 480, 480], 17, 512


class Block(nn.Sequential):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.01, inplace=True)
        )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = 3
        for level, features in enumerate(FEATURES):
            self.down.append(nn.Sequential(Block(channels, features, 1 if level == 0 else 2), Block(features, features)))
            channels = features
        for features in FEATURES[-2::-1]:
            self.up.append(nn.ConvTranspose2d(channels, features, 2, 2, bias=False))
            self.merge.append(nn.Sequential(Block(2 * features, features), Block(features, features)))
            channels = features
        self.head = nn.Conv2d(channels, CLASSES, 1, bias=False)

    def forward(self, x):
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge):
            x = merge(torch.cat([up(x), skips.pop()], 1))
        return self.head(x)


def starts(length):
    count = -(-max(length - TILE, 0) // (TILE // 2)) + 1
    step = (length - TILE) / (count - 1) if count > 1 else 0
    return [int(np.round(step * index)) for index in range(count)]


def importance():
    line = np.exp(-0.5 * ((np.arange(TILE) - TILE // 2) / (TILE / 8)) ** 2)
    weights = np.outer(line, line)
    return np.maximum(weights / weights.max(), weights[weights > 0].min()).astype(np.float32)


def on_host(networks, image, corners, weights):
    """Sums the softmax of each tile on the host, a fold after the other."""
    height, width = image.shape[1:]
    total = np.zeros([CLASSES, height, width], np.float32)
    weights_gpu = torch.from_numpy(weights).cuda()
    for network in networks:
        sums, norm = np.zeros([CLASSES, height, width], np.float32), np.zeros([height, width], np.float32)
        for y, x in corners:
            tile = torch.from_numpy(image[None, :, y : y + TILE, x : x + TILE]).cuda()
            with torch.autocast("cuda", torch.float16):
                logits = network(tile)
            weighted = (torch.softmax(logits.float(), 1)[0] * weights_gpu).cpu().numpy()
            sums[:, y : y + TILE, x : x + TILE] += weighted
            norm[y : y + TILE, x : x + TILE] += weights
        total += sums / norm
    return total.argmax(0).astype(np.uint8)


def on_gpu(networks, image, corners, weights, batch, half):
    height, width = image.shape[1:]
    pixels, weights_gpu = torch.from_numpy(image).cuda(), torch.from_numpy(weights).cuda()
    sums = torch.zeros([CLASSES, height, width], device="cuda")
    for first in range(0, len(corners), batch):
        some = corners[first : first + batch]
        tiles = torch.stack([pixels[:, y : y + TILE, x : x + TILE] for y, x in some])
        if half:
            tiles = tiles.half().contiguous(memory_format=torch.channels_last)
        mean = sum(torch.softmax(network(tiles).float(), 1) for network in networks) / len(networks)
        for (y, x), one in zip(some, mean):
            sums[:, y : y + TILE, x : x + TILE] += one * weights_gpu
    return sums.argmax(0).to(torch.uint8).cpu().numpy()


def measure(name, work):
    with torch.inference_mode():
        work()
        torch.cuda.synchronize()
        started = time.perf_counter()
        labels = work()
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    print(json.dumps({"way": name, "seconds": round(seconds, 2), "classes": int(len(np.unique(labels)))}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=3328)
    parser.add_argument("--height", type=int, default=2560)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    networks = [UNet().cuda().eval() for _ in range(options.folds)]
    image = np.random.default_rng(0).random([3, options.height, options.width], np.float32)
    corners = [(y, x) for y in starts(options.height) for x in starts(options.width)]
    weights = importance()
    print(json.dumps({"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "passes": len(corners) * options.folds}))
    measure("authors", lambda: on_host(networks, image, corners, weights))
    for name, tf32 in (("float32", False), ("TF32", True)):
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cuda.matmul.allow_tf32 = tf32
        measure(f"{name}, one tile", lambda: on_gpu(networks, image, corners, weights, 1, False))
    halves = [network.half().to(memory_format=torch.channels_last) for network in networks]
    measure("float16, one tile", lambda: on_gpu(halves, image, corners, weights, 1, True))
    measure("float16, batches of 9", lambda: on_gpu(halves, image, corners, weights, 9, True))


if __name__ == "__main__":
    main()
