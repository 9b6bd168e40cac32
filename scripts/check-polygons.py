#!/usr/bin/env python3
"""Checks the outlines that `reignite predict` wrote against the simple features of OGC, with shapely (GEOS).

    pip install shapely
    python3 scripts/check-polygons.py predicted/polygons/*.geojson

Prints one line per file: polygons, how many are invalid and why, and by how much the areas of single polygons differ from
the areas of the mask (`Area px^2`). Ends with status 1 if any polygon is invalid.
"""
import json
import sys

from shapely.geometry import shape
from shapely.validation import explain_validity


def check(path):
    with open(path, encoding="utf-8") as file:
        features = json.load(file)["features"]
    reasons, traced, masked, largest = [], 0.0, 0.0, 0.0
    for feature in features:
        polygon = shape(feature["geometry"])
        if not polygon.is_valid:
            reasons.append(explain_validity(polygon))
        pixels = feature["properties"]["measurements"]["Area px^2"]
        traced += polygon.area
        masked += pixels
        largest = max(largest, abs(polygon.area - pixels) / pixels)
    corners = sum(len(ring) - 1 for feature in features for ring in feature["geometry"]["coordinates"])
    print(
        f"{path}: {len(features)} polygons, {corners} corners, {len(reasons)} invalid; "
        f"area {traced:.0f} of {masked:.0f} px, a polygon's by up to {100 * largest:.1f} %"
    )
    for reason in reasons[:5]:
        print(f"  {reason}")
    return len(reasons)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(1 if sum(check(path) for path in sys.argv[1:]) else 0)
