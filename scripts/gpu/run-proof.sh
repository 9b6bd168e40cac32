#!/usr/bin/env bash
# Unpacks the parts made by pack-proof.ts and runs the proof: doctor; prove-gpu on CUDA, small and at the paper's size,
# with both engines; a comparison of the sample's models on CUDA, WebGPU and the CPU; PyTorch on the same GPU. Takes 5 to
# 8 minutes on one GPU.
# Usage, in a copy of the tracked files: bash scripts/gpu/run-proof.sh PART...
# With ONLY=unpack, it only unpacks the parts that exist.
set -u
CHECKOUT=$PWD
HERE=${PROOF_FOLDER:-/tmp/reignite-proof}
mkdir -p "$HERE"
python3 - "$HERE" "$@" <<'PYTHON'
import lzma, pathlib, shutil, sys, tarfile
here = pathlib.Path(sys.argv[1])
for part in sys.argv[2:]:
    for path in pathlib.Path(part).iterdir():
        if path.name == "sources.tar.xz":
            tarfile.open(path, "r:xz").extractall(here)
        elif path.suffix == ".xz":
            with lzma.open(path) as packed, open(here / path.stem, "wb") as file:
                shutil.copyfileobj(packed, file, 1 << 24)
        else:
            shutil.copy(path, here)
PYTHON
[ "${ONLY:-}" = unpack ] && exit 0

chmod +x "$HERE/node"
export PATH="$HERE:$PATH" XDG_CACHE_HOME="$HERE/cache"
APP=$HERE/reignite
BINDING=$APP/node_modules/onnxruntime-node/bin/napi-v6/linux/x64
cp "$HERE"/libonnxruntime*.so* "$BINDING/"
# Arranged as by `reignite gpu install`, but linked to PyTorch's copies.
LIBRARIES=$XDG_CACHE_HOME/reignite/gpu-onnxruntime-$(node -p "require('$APP/node_modules/onnxruntime-node/package.json').version")/lib
mkdir -p "$LIBRARIES"
python3 - "$LIBRARIES" <<'PYTHON'
import os, pathlib, sys
import nvidia
for root in nvidia.__path__:
    for path in pathlib.Path(root).rglob("*.so*"):
        link = pathlib.Path(sys.argv[1]) / path.name
        if not link.exists():
            os.symlink(path, link)
PYTHON

cd "$APP" || exit 1
limited() { timeout "$1" "${@:2}" 2>&1 || echo "exit status $?: ${*:2:7}"; }
limited 60 node bin/reignite.js doctor | tail -8
export LD_LIBRARY_PATH=$LIBRARIES${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
NVIDIA_TF32_OVERRIDE=0 limited 40 node dist/scripts/prove-gpu.js --provider cuda --small --width 800 --height 600
NVIDIA_TF32_OVERRIDE=0 limited 150 node dist/scripts/prove-gpu.js --provider cuda --engine fast
NVIDIA_TF32_OVERRIDE=0 limited 100 node dist/scripts/prove-gpu.js --provider cuda --engine fast --precision float32
limited 60 python3 "$CHECKOUT/bench/python/gpu_segment_roi_peer.py"
python3 -c "import zipfile; [zipfile.ZipFile(f'$CHECKOUT/data/sample/{n}.zip').extractall(f'sample/{n}') for n in ('models', 'images')]"
for provider in cpu cuda webgpu; do
  limited 60 node bin/reignite.js predict --provider $provider --task he --out "out/he-$provider" \
    --model "$(dirname sample/models/models/he/*/fold_0)" sample/images/images/he/*.png | tail -2
  limited 60 node bin/reignite.js predict --provider $provider --task nuclei --out "out/nuclei-$provider" \
    --model sample/models/models/pdl1/nuclei/nuclei_detection_weights.pt sample/images/images/pdl1/nuclei/*.png | tail -2
done
python3 - <<'PYTHON'
import pathlib
import numpy
from PIL import Image
for provider in ("cuda", "webgpu"):
    pixels = differing = same = files = 0
    for path in sorted(pathlib.Path("out/he-cpu/masks").glob("*.png")):
        other = pathlib.Path(f"out/he-{provider}/masks") / path.name
        if other.exists():
            masks = [numpy.array(Image.open(each)) for each in (path, other)]
            pixels += masks[0].size
            differing += int((masks[0] != masks[1]).sum())
    for path in sorted(pathlib.Path("out/nuclei-cpu/points").glob("*")):
        other = pathlib.Path(f"out/nuclei-{provider}/points") / path.name
        files += 1
        same += other.exists() and other.read_bytes() == path.read_bytes()
    print(f"{provider}: {differing} of {pixels} pixels differ from the CPU, {same} of {files} files of points equal")
PYTHON
