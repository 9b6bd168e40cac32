"""The network as nnU-Net v1 builds it from its plans, and the plans themselves."""

from collections import OrderedDict

import numpy as np
import torch
from nnunet.network_architecture.generic_UNet import Generic_UNet
from nnunet.network_architecture.initialization import InitWeights_He
from nnunet.utilities.nd_softmax import softmax_helper
from torch import nn

MODEL = "nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005__nnUNet_RGB_scaleTo_0_1_bs8_ps512"
TRAINER, PLANS_IDENTIFIER = MODEL.split("__")


def make_plans(shapes, base_features=8, pools=3, patch=512):
    """Plans as nnU-Net v1 writes them for RGB images of the given (height, width) shapes, one per training case."""
    sizes = [(1, height, width) for height, width in shapes]
    spacings = [np.array([999.0, 1.0, 1.0]) for _ in sizes]
    stage = {
        "batch_size": 8,
        "num_pool_per_axis": [pools, pools],
        "patch_size": np.array([patch, patch]),
        "median_patient_size_in_voxels": np.median(np.array(sizes), axis=0).astype(np.int64),
        "current_spacing": np.array([999.0, 1.0, 1.0]),
        "original_spacing": np.array([999.0, 1.0, 1.0]),
        "pool_op_kernel_sizes": [[2, 2]] * pools,
        "conv_kernel_sizes": [[3, 3]] * (pools + 1),
        "do_dummy_2D_data_aug": False,
    }
    return {
        "num_stages": 1,
        "num_modalities": 3,
        "modalities": {0: "R", 1: "G", 2: "B"},
        "normalization_schemes": OrderedDict((channel, "scaleTo_0_1") for channel in range(3)),
        "dataset_properties": {
            "all_sizes": sizes,
            "all_spacings": spacings,
            "all_classes": list(range(1, 17)),
            "modalities": {0: "R", 1: "G", 2: "B"},
            "intensityproperties": None,
            "size_reductions": OrderedDict((f"case_{number:03d}", np.float64(1)) for number in range(len(sizes))),
        },
        "list_of_npz_files": [f"/data/nnunet/cropped/synthetic/case_{number:03d}.npz" for number in range(len(sizes))],
        "original_spacings": spacings,
        "original_sizes": sizes,
        "preprocessed_data_folder": "/data/nnunet/preprocessed/synthetic",
        "num_classes": 16,
        "all_classes": list(range(1, 17)),
        "base_num_features": base_features,
        "use_mask_for_norm": OrderedDict((channel, False) for channel in range(3)),
        "keep_only_largest_region": None,
        "min_region_size_per_class": None,
        "min_size_per_class": None,
        "transpose_forward": [0, 1, 2],
        "transpose_backward": list(np.argsort([0, 1, 2])),
        "data_identifier": PLANS_IDENTIFIER,
        "plans_per_stage": {0: stage},
        "preprocessor_name": "Preprocessor_RGB_scaleTo_0_1",
        "conv_per_stage": 2,
    }


def build_network(plans):
    """Generic_UNet with the arguments of nnU-Net's batch-norm trainer: convolutional pooling and upsampling, 2D."""
    stage = plans["plans_per_stage"][0]
    network = Generic_UNet(
        plans["num_modalities"],
        plans["base_num_features"],
        plans["num_classes"] + 1,
        len(stage["pool_op_kernel_sizes"]),
        num_conv_per_stage=plans.get("conv_per_stage", 2),
        feat_map_mul_on_downscale=2,
        conv_op=nn.Conv2d,
        norm_op=nn.BatchNorm2d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        dropout_op=nn.Dropout2d,
        dropout_op_kwargs={"p": 0, "inplace": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"negative_slope": 1e-2, "inplace": True},
        deep_supervision=True,
        dropout_in_localization=False,
        final_nonlin=lambda logits: logits,
        weightInitializer=InitWeights_He(1e-2),
        pool_op_kernel_sizes=stage["pool_op_kernel_sizes"],
        conv_kernel_sizes=stage["conv_kernel_sizes"],
        upscale_logits=False,
        convolutional_pooling=True,
        convolutional_upsampling=True,
    )
    network.inference_apply_nonlin = softmax_helper
    return network


def to_input(image):
    """Converts uint8 RGB (..., H, W, 3) to float32 (..., 3, H, W) in 0..1, which is the complete preprocessing."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, -1, -3))).float() / 255
