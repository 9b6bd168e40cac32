"""An nnU-Net v1 model of the paper's size with random weights, in the record's folder layout, for benches and parity.

Needs Python 3.11 with torch==2.5.1 and nnunet==1.7.1:

    python make-full-size-model.py OUT [--folds 5] [--momentum] [--expected]

Writes OUT/models/he/<record's model name>/fold_<k>/model_best.model(.pkl), 165 MB a fold (--momentum: 330 MB, as
saved during training). With --expected also OUT/expected/{noise,tissue}.input.f32 [1, 3, 512, 512] and
OUT/expected/{noise,tissue}.fold_0.softmax.f32 [1, 512, 512, 17], what PyTorch computes on a CPU; float32,
little-endian, C order.

The batch normalisations get the statistics of the random network itself, on tissue and on noise, and are then shaken,
and the last head is scaled: activations keep their size through 16 stages and the softmax is neither flat nor
saturated. (On an input it was not normalised for, such a network has logits in the hundreds, and PyTorch's own float32
softmax is 2e-4 from float64.)
"""

from argparse import ArgumentParser
from collections import OrderedDict
from pathlib import Path
import pickle

import numpy as np
import torch
from nnunet.network_architecture.generic_UNet import Generic_UNet

NAME = "nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005__nnUNet_RGB_scaleTo_0_1_bs8_ps512"
BASE, POOLS, CLASSES, PATCH = 32, 7, 17, 512
LOGIT_SPREAD = 2.5


def build():
    return Generic_UNet(
        3, BASE, CLASSES, POOLS, 2, 2, torch.nn.Conv2d, torch.nn.BatchNorm2d, {"eps": 1e-5, "affine": True},
        torch.nn.Dropout2d, {"p": 0, "inplace": True}, torch.nn.LeakyReLU, {"negative_slope": 1e-2, "inplace": True},
        True, False, lambda x: x, pool_op_kernel_sizes=[[2, 2]] * POOLS, conv_kernel_sizes=[[3, 3]] * (POOLS + 1),
        convolutional_pooling=True, convolutional_upsampling=True,
    )


def tissue(seed, size):
    """Pink stroma, white background and purple nuclei: smooth fields and discs, float32 [1, 3, size, size] in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    field = torch.rand([1, 1, 9, 9], generator=generator)
    field = torch.nn.functional.interpolate(field, size=size, mode="bicubic").clamp(0, 1)
    background = (field > 0.62).float()
    colour = torch.tensor([0.91, 0.72, 0.82]).view(1, 3, 1, 1) * (0.85 + 0.15 * field)
    image = colour * (1 - background) + torch.tensor([0.95, 0.94, 0.95]).view(1, 3, 1, 1) * background
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for cy, cx, radius, shade in torch.rand([size, 4], generator=generator).tolist():
        inside = ((y - cy * size) ** 2 + (x - cx * size) ** 2 < (3 + 5 * radius) ** 2) & (background[0, 0] == 0)
        image[0, :, inside] = torch.tensor([[0.35], [0.22], [0.52]]) * (0.8 + 0.4 * shade)
    grain = torch.randn(image.shape, generator=generator) * 0.02
    return ((image + grain).clamp(0, 1) * 255).round() / 255


def randomise(network, fold):
    torch.manual_seed(fold)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.uniform_(0.6, 1.4)
            norm.bias.normal_(0, 0.2)
            norm.momentum = None
        network.train()
        network(torch.cat([tissue(1000 + fold, 256), torch.rand([1, 3, 256, 256])]))
        for norm in norms:
            norm.running_mean += torch.randn_like(norm.running_mean) * 0.1 * norm.running_var.sqrt()
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.7, 1.4)
            norm.num_batches_tracked.fill_(250_000)
        network.eval()
        network.do_ds = False
        logits = network(tissue(2000 + fold, 256))
        network.seg_outputs[-1].weight *= LOGIT_SPREAD / logits.std()


def plans():
    stage = {
        "batch_size": 8,
        "num_pool_per_axis": [POOLS, POOLS],
        "patch_size": np.array([PATCH, PATCH]),
        "current_spacing": np.array([999.0, 1.0, 1.0]),
        "do_dummy_2D_data_aug": False,
        "pool_op_kernel_sizes": [[2, 2]] * POOLS,
        "conv_kernel_sizes": [[3, 3]] * (POOLS + 1),
    }
    content = {
        "num_stages": 1,
        "num_modalities": 3,
        "modalities": {0: "R", 1: "G", 2: "B"},
        "normalization_schemes": OrderedDict((k, "scaleTo_0_1") for k in range(3)),
        "num_classes": CLASSES - 1,
        "all_classes": list(range(1, CLASSES)),
        "base_num_features": BASE,
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "plans_per_stage": {0: stage},
    }
    init = ("/plans/plans_2D.pkl", 0, "/results", "/data", True, 0, True, False, True)
    trainer = NAME.split("__")[0]
    return OrderedDict(init=init, name=trainer, **{"class": f"<class '{trainer}'>"}, plans=content)


def checkpoint(network, momentum):
    parameters = list(network.parameters())
    state = {k: {"momentum_buffer": torch.zeros_like(p)} for k, p in enumerate(parameters)} if momentum else {}
    groups = [{"lr": 1e-5, "momentum": 0.99, "params": list(range(len(parameters)))}]
    return {
        "epoch": 1000,
        "state_dict": network.state_dict(),
        "optimizer_state_dict": {"state": state, "param_groups": groups} if momentum else None,
        "lr_scheduler_state_dict": None,
        "plot_stuff": ([np.float64(-0.5)] * 1000, [np.float64(-0.4)] * 1000, [], [np.float64(0.8)] * 1000),
        "best_stuff": (np.float64(0.8), np.float64(-0.4), np.float64(-0.4)),
        "amp_grad_scaler": None,
    }


def write_expected(network, folder):
    folder.mkdir(parents=True, exist_ok=True)
    noise = torch.rand([1, 3, PATCH, PATCH], generator=torch.Generator().manual_seed(7))
    for name, tile in [("noise", noise), ("tissue", tissue(3000, PATCH))]:
        with torch.no_grad():
            softmax = torch.softmax(network(tile), dim=1).permute(0, 2, 3, 1).contiguous()
        tile.numpy().tofile(folder / f"{name}.input.f32")
        softmax.numpy().tofile(folder / f"{name}.fold_0.softmax.f32")
        top = softmax.max(-1).values
        counts = np.bincount(softmax.argmax(-1).flatten(), minlength=CLASSES)
        print(f"{name}: mean highest softmax {top.mean():.3f}, pixels a class {counts.tolist()}")


def main():
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--momentum", action="store_true", help="with the optimizer's buffers, as during training")
    parser.add_argument("--expected", action="store_true", help="also tiles and what PyTorch computes for fold 0")
    options = parser.parse_args()
    for fold in range(options.folds):
        network = build()
        randomise(network, fold)
        path = options.out / "models" / "he" / NAME / f"fold_{fold}"
        path.mkdir(parents=True, exist_ok=True)
        torch.save(checkpoint(network, options.momentum), path / "model_best.model")
        (path / "model_best.model.pkl").write_bytes(pickle.dumps(plans()))
        print(path)
        if options.expected and fold == 0:
            write_expected(network, options.out / "expected")


if __name__ == "__main__":
    main()
