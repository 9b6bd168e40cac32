"""Opens the output of `predict` for slides with independent readers: tifffile, OpenSlide, and two GeoJSON libraries.

    pip install numpy tifffile imagecodecs openslide-python openslide-bin geojson shapely
    python scripts/check-slide-outputs.py PREDICTED

Exits with 1 if one of them rejects a file or finds other sizes, values or coordinates than in the summary.
"""

import json
import sys
from pathlib import Path

import geojson
import numpy as np
import openslide
import shapely.geometry
import tifffile

faults = []


def expect(condition, text):
    if not condition:
        faults.append(text)
        print("  FAULT", text)


def check_pyramid(path, image, is_label):
    seen = image.get("resampledTo", image)
    size = (seen["width"], seen["height"])
    with tifffile.TiffFile(path) as tiff:
        base = tiff.pages[0]
        expect(tiff.is_bigtiff and base.is_tiled, f"{path}: no tiled BigTIFF")
        expect((base.imagewidth, base.imagelength) == size, f"{path}: {base.shape}, not {size}")
        values = base.asarray()
        for page in tiff.pages[1:]:
            step = -(-size[0] // page.imagewidth)
            expect(bool((page.asarray() == values[::step, ::step]).all()), f"{path}: a level is not its base")
    with openslide.OpenSlide(path) as slide:
        expect(slide.dimensions == size, f"{path}: OpenSlide says {slide.dimensions}")
        slide.read_region((0, 0), slide.level_count - 1, slide.level_dimensions[-1]).load()
        mpp = slide.properties.get(openslide.PROPERTY_NAME_MPP_X)
        if "mpp" in image:
            expected = image["mpp"] * image["width"] / size[0]
            expect(mpp is not None and abs(float(mpp) / expected - 1) < 0.01, f"{path}: mpp {mpp}, not {expected}")
        levels = slide.level_count
    if is_label:
        counts = np.bincount(values.ravel(), minlength=256)
        for area in image.get("areas", []):
            expect(int(counts[area["value"]]) == area["pixels"], f"{path}: {area['name']} has other pixels")
    print(f"  {path.name}: {size[0]} x {size[1]} px, {levels} levels, mpp {mpp}")


def check_geojson(path, image):
    with open(path) as file:
        collection = geojson.load(file)
    expect(collection.is_valid, f"{path}: {collection.errors() if not collection.is_valid else ''}")
    for feature in collection["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        expect(shape.is_valid, f"{path}: a geometry is not valid")
        left, top, right, bottom = shape.bounds
        # The last traced pixel may reach over the border.
        step = 64
        expect(left >= 0 and top >= 0 and right <= image["width"] + step and bottom <= image["height"] + step, f"{path}: {shape.bounds} is outside")
        expect("name" in feature["properties"]["classification"], f"{path}: a feature without a class")
    print(f"  {path.name}: {len(collection['features'])} features")


folder = Path(sys.argv[1])
summary = json.loads((folder / "summary.json").read_text())
for image in summary["images"]:
    print(image["name"])
    files = {name: folder / path for name, path in image["files"].items()}
    for name, path in files.items():
        if not path.exists():
            continue
        if path.suffix == ".tif":
            check_pyramid(path, image, name == "mask")
        if path.suffix == ".geojson":
            check_geojson(path, image)
print("all opened" if not faults else f"{len(faults)} faults")
sys.exit(1 if faults else 0)
