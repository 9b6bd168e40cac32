"""Writes a trained fold like nnU-Net v1: `model_best.model` by torch.save, and a pickle with what is needed to rebuild it."""

import pickle
from collections import OrderedDict

import numpy as np
import torch
from network import MODEL, PLANS_IDENTIFIER, TRAINER

SCALER = {
    "scale": 65536.0,
    "growth_factor": 2.0,
    "backoff_factor": 0.5,
    "growth_interval": 2000,
    "_growth_tracker": 0,
}


def write_checkpoint(path, trained, fold, plans, optimiser, scaler, stream_format):
    """Writes `path` and `path`.pkl.

    `optimiser`: keep the optimizer's state; otherwise None, as nnU-Net writes when told not to save it.
    `scaler`: keep the state of the mixed-precision scaler; otherwise no key, as after training in full precision.
    `stream_format`: PyTorch's format before 1.6, one stream instead of a zip.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    smoothed = np.float64(np.mean(trained.validation_dice[-3:]))
    state = {
        "epoch": trained.epoch,
        "state_dict": trained.network.state_dict(),
        "optimizer_state_dict": trained.optimiser.state_dict() if optimiser else None,
        "lr_scheduler_state_dict": None,
        "plot_stuff": (trained.training_losses, trained.validation_losses, [], trained.validation_dice),
        "best_stuff": (trained.epoch - 1, trained.training_losses[-1], smoothed),
    }
    if scaler:
        state["amp_grad_scaler"] = dict(SCALER, _growth_tracker=trained.epoch)
    torch.save(state, path, _use_new_zipfile_serialization=not stream_format)
    write_pickle(path.with_name(path.name + ".pkl"), trainer_description(fold, plans))


def trainer_description(fold, plans):
    home = "/data/nnunet"
    trainer = f"nnunet.training.network_training.diag.{TRAINER}.{TRAINER}"
    return OrderedDict(
        init=(
            f"{home}/preprocessed/synthetic/{PLANS_IDENTIFIER}_plans_2D.pkl",
            fold,
            f"{home}/results/nnUNet/2d/synthetic/{MODEL}",
            f"{home}/preprocessed/synthetic",
            True,
            0,
            True,
            False,
            True,
        ),
        name=TRAINER,
        **{"class": f"<class '{trainer}'>"},
        plans=plans,
    )


def write_pickle(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))
