import { HE_LABELS } from '../dataset/he-labels.ts';
import { readLabelMap } from '../dataset/label-map.ts';
import { ReigniteError } from '../errors.ts';

/** Label of the paper for each of the 256 values of a mask; undefined for a value that the file does not name. */
export type LabelTranslation = readonly (number | undefined)[];

/** The record's own label map calls class 2 otherwise than the authors' evaluation does. */
const OTHER_NAMES: Readonly<Record<string, number>> = { 'tumor epithelium': 2 };

/**
 * Reads how a model numbers the labels: a JSON object of the paper's names to the values of its masks.
 *
 * @throws ReigniteError LABEL_MAP_INVALID naming every label that the paper has not; FILE_MISSING.
 */
export async function readLabelTranslation(path: string): Promise<LabelTranslation> {
  const translation: (number | undefined)[] = Array.from({ length: 256 }, () => undefined);
  const unknown: string[] = [];
  for (const { name, value } of await readLabelMap(path)) {
    const label = labelNamed(name);
    if (label === undefined) unknown.push(name);
    else translation[value] = label;
  }
  if (unknown.length === 0) return translation;
  throw new ReigniteError('LABEL_MAP_INVALID', `${path} contains unknown labels: ${unknown.join(', ')}.`, {
    remedy: `Use these names: ${HE_LABELS.map(({ name }) => name).join(', ')}.`,
  });
}

/** The label of the paper with a name, in any case; undefined for none. */
export function labelNamed(name: string): number | undefined {
  const wanted = name.toLowerCase();
  return HE_LABELS.find((label) => label.name.toLowerCase() === wanted)?.value ?? OTHER_NAMES[wanted];
}

/** A mask in the paper's labels; values that have none become 255, which is not a label. */
export function translateLabels(labels: Uint8Array, translation: LabelTranslation): Uint8Array {
  return labels.map((value) => translation[value] ?? 255);
}
