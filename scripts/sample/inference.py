"""What the authors' pipeline computes for an ROI, with nnU-Net's own sliding window: the record's published masks."""

import numpy as np

PATCH = (512, 512)


def predict_fold(network, image):
    """Softmax (17, H, W) float32 of one fold for an RGB image (H, W, 3) uint8: single precision, no mirroring."""
    network.eval()
    network.do_ds = False
    data = (image[None] / 255).transpose(3, 0, 1, 2).astype(np.float32)
    _, softmax = network.predict_3D(
        data,
        do_mirroring=False,
        mirror_axes=(),
        use_sliding_window=True,
        step_size=0.5,
        patch_size=PATCH,
        use_gaussian=True,
        all_in_gpu=False,
        verbose=False,
        mixed_precision=False,
    )
    return softmax[:, 0]


def predict_ensemble(networks, image):
    """Labels (H, W) uint8: the first maximum of the mean softmax of all folds."""
    softmax = np.mean([predict_fold(network, image) for network in networks], axis=0)
    return softmax.argmax(axis=0).astype(np.uint8)
