import type { TissueClasses } from '../models/tissue-classes.ts';

/** How much of an image a class takes. */
export interface ClassArea {
  readonly value: number;
  readonly name: string;
  readonly pixels: number;
  /** Of all pixels of the image, 0 to 1. */
  readonly share: number;
  /** Missing where the size of a pixel is not known. */
  readonly mm2?: number;
}

/**
 * Counts the pixels of every class.
 *
 * @param mpp - µm a px.
 * @returns The classes that occur, by value.
 */
export function classAreas(labels: Uint8Array, classes: TissueClasses, mpp?: number): ClassArea[] {
  const counts = new Float64Array(256);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return Array.from(counts, (pixels, value) => ({ pixels, value }))
    .filter(({ pixels }) => pixels > 0)
    .map(({ pixels, value }) => ({
      value,
      name: classes.get(value)?.name ?? `class ${value}`,
      pixels,
      share: pixels / labels.length,
      ...(mpp !== undefined && { mm2: (pixels * mpp * mpp) / 1e6 }),
    }));
}
