"""The two cell detection tasks: what the record calls things, and the settings that its pipeline really uses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One detection task. Lengths are in pixels; `box` is the side of the square around a cell's centre."""

    name: str
    task: str
    classes: tuple[str, ...]
    readers: tuple[str, ...]
    box: int
    radius: int
    iou: float

    @property
    def annotation_file(self):
        return f"{self.name}_test_set_all_readers.json"

    @property
    def weights_file(self):
        return f"{self.name}_detection_weights.pt"


CONFIDENCE = 0.5
TILE = 512

# IoU 0.5 is what the nuclei script runs with: the 0.4 that it declares is never passed on.
NUCLEI = Task("nuclei", "pdl1_nuclei_detection", ("nucleus",), ("R1", "R2", "R3", "R4"), 16, 8, 0.5)
PDL1 = Task(
    "pdl1",
    "pdl1_detection",
    ("pd-l1 negative tumor cell", "pd-l1 positive tumor cell", "non-tumor cell"),
    ("P1", "P2", "P3", "P4", "P5", "P6"),
    40,
    20,
    0.6,
)
TASKS = (NUCLEI, PDL1)
NEGATIVE, POSITIVE, NON_TUMOUR = range(3)
