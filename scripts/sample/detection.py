"""What the authors' pipeline computes for an image of cells: the record's published points."""

import numpy as np
import torch
from detection_tasks import CONFIDENCE, TILE
from network import to_input
from yolo import non_max_suppression

MOST_A_TILE = 1500


def detect(network, image, task, area):
    """Points (n, 3) float32 (x, y, class) of a fused network for an RGB image whose sides are multiples of 512 px.

    Tiles row by row, within a tile by falling confidence. A box becomes its centre; centres outside `area`
    (x1, y1, x2, y2), borders included, are dropped; coordinates are rounded to hundredths of a pixel.
    """
    points = [np.zeros((0, 3), np.float32)]
    for top in range(0, image.shape[0], TILE):
        for left in range(0, image.shape[1], TILE):
            boxes = boxes_of(network, image[top : top + TILE, left : left + TILE], task)
            x = (boxes[:, 0] + boxes[:, 2]) / 2 + np.float32(left)
            y = (boxes[:, 1] + boxes[:, 3]) / 2 + np.float32(top)
            points.append(np.stack([x, y, boxes[:, 5]], axis=1))
    points = np.concatenate(points)
    x1, y1, x2, y2 = np.array(area, np.float32)
    x, y, _ = points.T
    return np.round(points[(x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)], 2)


def boxes_of(network, tile, task):
    """Boxes (n, 6) float32 of a tile: x1, y1, x2, y2, confidence, class."""
    with torch.no_grad():
        head = network(to_input(tile[None]))[0]
    # The function's time limit would drop boxes on a slow machine, but only between the images of a batch.
    return non_max_suppression(head, CONFIDENCE, task.iou, agnostic=True, max_det=MOST_A_TILE)[0].numpy()
