/** Names of the classes of cells, as the authors' detectors have them. */
export const CELL_CLASSES = {
    nuclei: ['nucleus'],
    pdl1: ['pd-l1 negative tumor cell', 'pd-l1 positive tumor cell', 'non-tumor cell'],
};
/** Largest distance between a reader's point and another's of the same cell, in px at 0.5 µm/px; inclusive. */
export const HIT_RADIUS = { nuclei: 8, pdl1: 20 };
/** The groups of the authors' scripts; each PD-L1 image was annotated at one of two hospitals. */
export const READER_GROUPS = {
    nuclei: [{ name: 'nuclei', readers: ['reader R1', 'reader R2', 'reader R3', 'reader R4'] }],
    pdl1: [
        { name: 'RUMC', readers: ['reader P1', 'reader P2', 'reader P3'] },
        { name: 'SCDC', readers: ['reader P4', 'reader P5', 'reader P6'] },
    ],
};
