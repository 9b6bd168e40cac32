"""The parts of yolov5 that the sample needs, under the module names that the checkpoints of the original code hold."""

import sys
import types

# The package asks ultralytics, a large one, for a function that checks what is installed: not needed here.
checks = types.ModuleType("ultralytics.utils.checks")
checks.check_requirements = lambda *args, **kwargs: None
for name in ("ultralytics", "ultralytics.utils"):
    sys.modules.setdefault(name, types.ModuleType(name))
sys.modules.setdefault("ultralytics.utils.checks", checks)

from pathlib import Path  # noqa: E402

import yaml  # noqa: E402
import yolov5  # noqa: E402
from yolov5 import models  # noqa: E402
from yolov5.models import common  # noqa: E402
from yolov5.models import yolo as networks  # noqa: E402
from yolov5.utils.general import non_max_suppression  # noqa: E402
from yolov5.utils.loss import ComputeLoss  # noqa: E402

__all__ = ["ComputeLoss", "build_network", "non_max_suppression"]

sys.modules.update({"models": models, "models.common": common, "models.yolo": networks})
for module, public in ((common, "models.common"), (networks, "models.yolo")):
    for member in vars(module).values():
        if isinstance(member, type) and member.__module__ == module.__name__:
            member.__module__ = public


def build_network(classes, width):
    """yolov5n's architecture at another width multiple, with the weights that torch's seed gives."""
    configuration = yaml.safe_load((Path(yolov5.__file__).parent / "models" / "yolov5n.yaml").read_text())
    configuration["width_multiple"] = width
    network = networks.DetectionModel(configuration, nc=len(classes))
    network.nc = len(classes)
    network.names = dict(enumerate(classes))
    return network
