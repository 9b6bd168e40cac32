/** Red, green, blue, each 0..255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A tissue label, one of the values of an H&E mask. */
export interface TissueLabel {
  /** Pixel value. */
  readonly value: number;
  readonly name: string;
  readonly colour: Rgb;
}

/** A label of the full set, with its label in the TIL use case. */
export interface HeLabel extends TissueLabel {
  /** Value in {@link TIL_LABELS}. */
  readonly til: number;
}

/**
 * The 17 labels of the H&E masks, at the index of their value.
 *
 * Names, colours and the mapping are those of `evaluation.py`; `he_label_map.json` in the record calls class 2
 * "Tumor epithelium".
 */
export const HE_LABELS = [
  { value: 0, name: 'Unannotated', colour: [0, 0, 0], til: 0 },
  { value: 1, name: 'Background', colour: [255, 255, 255], til: 1 },
  { value: 2, name: 'Tumor cells', colour: [0, 253, 255], til: 2 },
  { value: 3, name: 'Reactive epithelium', colour: [0, 249, 0], til: 6 },
  { value: 4, name: 'Stroma', colour: [255, 251, 0], til: 3 },
  { value: 5, name: 'Inflammation', colour: [255, 147, 0], til: 3 },
  { value: 6, name: 'Alveolar tissue', colour: [255, 47, 146], til: 6 },
  { value: 7, name: 'Fatty tissue', colour: [148, 55, 255], til: 6 },
  { value: 8, name: 'Necrotic tissue', colour: [1, 25, 147], til: 4 },
  { value: 9, name: 'Erythrocytes', colour: [255, 38, 0], til: 6 },
  { value: 10, name: 'Bronchial epithelium', colour: [0, 143, 0], til: 6 },
  { value: 11, name: 'Mucus/Plasma/Fluids', colour: [146, 144, 0], til: 6 },
  { value: 12, name: 'Cartilage/Bone', colour: [169, 169, 169], til: 6 },
  { value: 13, name: 'Macrophages', colour: [83, 27, 147], til: 5 },
  { value: 14, name: 'Muscle', colour: [255, 126, 121], til: 6 },
  { value: 15, name: 'Liver', colour: [215, 131, 255], til: 6 },
  { value: 16, name: 'Keratinization', colour: [148, 23, 81], til: 6 },
] as const satisfies readonly HeLabel[];

/** The 7 labels of the paper's use case of tumour-infiltrating lymphocytes, at the index of their value. */
export const TIL_LABELS = [
  { value: 0, name: 'Unannotated', colour: [0, 0, 0] },
  { value: 1, name: 'Background', colour: [255, 255, 255] },
  { value: 2, name: 'Tumor cells', colour: [0, 253, 255] },
  { value: 3, name: 'Stroma and Inflammation', colour: [255, 199, 0] },
  { value: 4, name: 'Necrotic tissue', colour: [1, 25, 147] },
  { value: 5, name: 'Macrophages', colour: [83, 27, 147] },
  { value: 6, name: 'Rest', colour: [180, 180, 180] },
] as const satisfies readonly TissueLabel[];

/** Mask values beyond the labels, such as the stray 255 of patient69_he_roi3, are drawn in this grey. */
export const NO_LABEL_COLOUR: Rgb = [128, 128, 128];
