"""The peer of bench/networks.ts: one tile of nnU-Net v2, and one image of YOLOv8n, under PyTorch.

    python networks_peer.py FOLDER THREADS

Each line it reads names what to do. `prepare` makes FOLDER/v2/ (a 2D PlainConvUNet as the planner makes it for 512 px,
random weights), FOLDER/yolov8n.pt (one class, random weights) and FOLDER/image.png (640 x 640 px), and answers `ready`. `v2` runs the
network on one tile; `network` runs YOLOv8n alone, `yolo` goes from the image file
to its boxes. Each answers the time in ms. Needs torch, ultralytics,
dynamic_network_architectures 0.4.4, Pillow.
"""

import json
import sys
import time
from pathlib import Path

# The packages print when they are imported.
answers = sys.stdout
sys.stdout = sys.stderr

import numpy as np  # noqa: E402
import torch  # noqa: E402
from dynamic_network_architectures.architectures.unet import PlainConvUNet  # noqa: E402
from PIL import Image  # noqa: E402
from ultralytics import YOLO  # noqa: E402
from ultralytics.nn.tasks import DetectionModel  # noqa: E402

SIDE = 512
CLASSES = 17
KWARGS = {
    "n_stages": 8,
    "features_per_stage": [32, 64, 128, 256, 512, 512, 512, 512],
    "kernel_sizes": [[3, 3]] * 8,
    "strides": [[1, 1]] + [[2, 2]] * 7,
    "n_conv_per_stage": [2] * 8,
    "n_conv_per_stage_decoder": [2] * 7,
    "conv_bias": True,
    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
    "nonlin_kwargs": {"inplace": True},
}


def network():
    return PlainConvUNet(
        3,
        conv_op=torch.nn.Conv2d,
        num_classes=CLASSES,
        norm_op=torch.nn.InstanceNorm2d,
        nonlin=torch.nn.LeakyReLU,
        deep_supervision=False,
        **KWARGS,
    ).eval()


def prepare(folder):
    torch.manual_seed(1)
    model = folder / "v2" / "nnUNetTrainer__nnUNetPlans__2d"
    (model / "fold_0").mkdir(parents=True)
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            **KWARGS,
            "conv_op": "torch.nn.modules.conv.Conv2d",
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    configuration = {
        "data_identifier": "nnUNetPlans_2d",
        "batch_size": 12,
        "patch_size": [SIDE, SIDE],
        "spacing": [1.0, 1.0],
        "normalization_schemes": ["RGBTo01Normalization"] * 3,
        "use_mask_for_norm": [False] * 3,
        "architecture": architecture,
    }
    plans = {"dataset_name": "Dataset001_Bench", "plans_name": "nnUNetPlans", "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2], "configurations": {"2d": configuration}}
    dataset = {"channel_names": {"0": "R", "1": "G", "2": "B"}, "labels": {"background": 0, **{f"class {k}": k for k in range(1, CLASSES)}}, "file_ending": ".png"}
    (model / "plans.json").write_text(json.dumps(plans))
    (model / "dataset.json").write_text(json.dumps(dataset))
    unet = network()
    checkpoint = {
        "network_weights": unet.state_dict(),
        "init_args": {"configuration": "2d", "fold": 0},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1),
    }
    torch.save(checkpoint, model / "fold_0" / "checkpoint_final.pth")
    detector = DetectionModel("yolov8n.yaml", nc=1, verbose=False)
    torch.save({"model": detector.half(), "ema": None, "train_args": {"imgsz": 640}, "version": "8"}, folder / "yolov8n.pt")
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(90, 250, (80, 80, 3), np.uint8)).resize((640, 640), Image.BICUBIC)
    coarse.save(folder / "image.png")
    return unet


def main():
    folder = Path(sys.argv[1])
    threads = int(sys.argv[2])
    torch.set_num_threads(threads)
    unet = detector = None
    tile = torch.rand(1, 3, SIDE, SIDE)
    square = torch.rand(1, 3, 640, 640)
    for line in sys.stdin:
        task = line.strip()
        if task == "prepare":
            unet = prepare(folder)
            detector = YOLO(folder / "yolov8n.pt")
            detector.predict(folder / "image.png", imgsz=640, verbose=False, device="cpu")
            torch.set_num_threads(threads)
            answer = "ready"
        else:
            started = time.perf_counter()
            with torch.inference_mode():
                if task == "v2":
                    unet(tile)
                elif task == "network":
                    detector.predictor.model(square)
                else:
                    detector.predict(folder / "image.png", imgsz=640, conf=0.25, iou=0.7, verbose=False, device="cpu")
            answer = (time.perf_counter() - started) * 1000
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
