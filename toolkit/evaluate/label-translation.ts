import { HE_LABELS } from '../dataset/he-labels.ts';
import { readLabelMap } from '../dataset/label-map.ts';
import { ReigniteError } from '../errors.ts';

/** Label of the paper for each of the 256 values of a mask; undefined for a value without a label. */
export type LabelTranslation = readonly (number | undefined)[];

/** The record's label map has another name for class 2 than the authors' evaluation. */
const OTHER_NAMES: ReadonlyMap<string, number> = new Map([['tumor epithelium', 2]]);

/**
 * Reads which mask values a model uses for the labels: a JSON object from the paper's names to values.
 *
 * @throws ReigniteError LABEL_MAP_INVALID naming every label that is not one of the paper's, or two names of one label;
 *   FILE_MISSING.
 */
export async function readLabelTranslation(path: string): Promise<LabelTranslation> {
  const translation: (number | undefined)[] = Array.from({ length: 256 }, () => undefined);
  const unknown: string[] = [];
  const named = new Map<number, string>();
  for (const { name, value } of await readLabelMap(path)) {
    const label = labelNamed(name);
    if (label === undefined) {
      unknown.push(name);
      continue;
    }
    const other = named.get(label);
    if (other !== undefined) {
      throw new ReigniteError('LABEL_MAP_INVALID', `${path}: "${other}" and "${name}" name the same label.`, {
        remedy: 'Keep the one name whose value the masks use for the label.',
      });
    }
    named.set(label, name);
    translation[value] = label;
  }
  if (unknown.length === 0) return translation;
  throw new ReigniteError('LABEL_MAP_INVALID', `${path} contains unknown labels: ${unknown.join(', ')}.`, {
    remedy: `Use these names: ${HE_LABELS.map(({ name }) => name).join(', ')}.`,
  });
}

/** Returns the label of the paper with a name, ignoring case; undefined if there is none. */
export function labelNamed(name: string): number | undefined {
  const wanted = name.toLowerCase();
  return HE_LABELS.find((label) => label.name.toLowerCase() === wanted)?.value ?? OTHER_NAMES.get(wanted);
}

/** Translates a mask to the paper's labels; values without one become 255, which is not a label. */
export function translateLabels(labels: Uint8Array, translation: LabelTranslation): Uint8Array {
  return labels.map((value) => translation[value] ?? 255);
}
