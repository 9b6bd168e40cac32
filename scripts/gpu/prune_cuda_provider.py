"""Makes ONNX Runtime's CUDA provider small enough to copy to a machine without network.

    python prune_cuda_provider.py IN.so OUT.so [--architecture 90]

Blanks the kernels of other GPU architectures, and those of language models (attention, mixtures of experts, quantised
products), which no network here uses; the file keeps its size but compresses to 12 of 272 MB. Kernels are loaded when
they are first called, so the blank ones are never read. Needs the package zstandard. A build for one proof, not for users.
"""

import argparse
import re
import struct
from pathlib import Path

import zstandard

CONTAINER, ENTRY = struct.Struct("<IHHQ"), struct.Struct("<HHIQ")
MAGIC = struct.pack("<I", 0xBA55ED50)
ARCHITECTURE_AT = 28
UNUSED = re.compile(rb"flash|ttention|[mM]oe|cutlass|llm|NoSpeech|fpA_int|MatMulNBits|bnb|[bB]lockwise|KVCache|RotaryEmb")


def entries(library):
    """Yields architecture, start and size of each compiled module in the library's fat binaries."""
    at = library.find(MAGIC)
    while at >= 0:
        _, version, header, size = CONTAINER.unpack_from(library, at)
        if (version, header) != (1, CONTAINER.size):
            at = library.find(MAGIC, at + 4)
            continue
        entry, end = at + header, at + header + size
        while entry < end:
            _, _, entry_header, payload = ENTRY.unpack_from(library, entry)
            (architecture,) = struct.unpack_from("<I", library, entry + ARCHITECTURE_AT)
            yield architecture, entry + entry_header, payload
            entry += entry_header + payload
        at = library.find(MAGIC, end)


def is_used(module):
    text = zstandard.ZstdDecompressor().decompressobj().decompress(module)
    names = re.findall(rb"_Z[A-Za-z0-9_]{10,120}", text)[:6]
    return not UNUSED.search(b" ".join(names))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--architecture", type=int, default=90)
    options = parser.parse_args()
    library = options.library.read_bytes()
    pruned = bytearray(library)
    kept = 0
    for architecture, start, size in entries(library):
        if architecture == options.architecture and is_used(library[start : start + size]):
            kept += size
        else:
            pruned[start : start + size] = bytes(size)
    if kept == 0:
        raise SystemExit(f"{options.library} has no kernels of architecture {options.architecture}.")
    options.out.write_bytes(pruned)
    print(f"{kept / 1e6:.1f} MB of kernels kept")


if __name__ == "__main__":
    main()
