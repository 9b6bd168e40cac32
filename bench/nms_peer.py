"""The peer of bench/nms.ts: torchvision's NMS on FOLDER/corners.raw and FOLDER/scores.raw, on one thread.

Each line it reads asks for one run; it answers the time in ms, or to `count` the number of boxes kept.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torchvision.ops import nms

folder = Path(sys.argv[1])
torch.set_num_threads(1)
corners = torch.from_numpy(np.fromfile(folder / "corners.raw", np.float32).reshape(-1, 4))
scores = torch.from_numpy(np.fromfile(folder / "scores.raw", np.float32))
for line in sys.stdin:
    started = time.perf_counter()
    kept = nms(corners, scores, 0.5)
    answer = (time.perf_counter() - started) * 1000
    print(len(kept) if line.strip() == "count" else answer, flush=True)
