import { existsSync } from 'node:fs';
import { HE_LABELS } from '../dataset/he-labels.ts';
import { ReigniteError } from '../errors.ts';
import { decodeLabels, paletteRemark } from '../image/decode-labels.ts';
import { imageSize } from '../image/open-image.ts';
import type { LabelTranslation } from './label-translation.ts';
import { formatProblems } from './read-points.ts';

/** A mask and the annotation that it is compared with. Absolute paths. */
export interface MaskToCheck {
  readonly roi: string;
  readonly annotation: string;
  readonly prediction: string;
}

/** Value that `scope: annotated` writes where nothing was predicted. */
const NOT_PREDICTED = 255;

/** The reason why a mask cannot be scored. */
interface MaskFault {
  readonly code: 'ROI_WITHOUT_PAIR' | 'IMAGE_UNREADABLE' | 'SIZE_MISMATCH';
  readonly cause: string;
  /** Missing for the usual remedy of the code. */
  readonly remedy?: string;
}

/** Order in which kinds of faults determine the error code. */
const BY_WEIGHT = [
  'ROI_WITHOUT_PAIR',
  'IMAGE_UNREADABLE',
  'SIZE_MISMATCH',
] as const satisfies readonly MaskFault['code'][];

/**
 * Checks all masks before any is scored.
 *
 * @returns Remarks on unusual masks that can be scored, one sentence each: values that are not labels, and palettes.
 * @throws ReigniteError ROI_WITHOUT_PAIR, IMAGE_UNREADABLE or SIZE_MISMATCH, listing all faulty files with their
 *   problems.
 */
export async function checkMasks(
  masks: readonly MaskToCheck[],
  translation: LabelTranslation | undefined,
): Promise<readonly string[]> {
  const faults: MaskFault[] = [];
  const remarks: string[] = [];
  const palettes: string[] = [];
  for (const mask of masks) {
    const checked = await checkMask(mask, translation);
    if ('code' in checked) faults.push(checked);
    else {
      if (checked.remark !== undefined) remarks.push(checked.remark);
      if (checked.isPalette) palettes.push(mask.roi);
    }
  }
  const code = BY_WEIGHT.find((each) => faults.some((fault) => fault.code === each));
  if (code !== undefined) {
    const causes = faults.map(({ cause }) => cause);
    const remedies = new Set(faults.flatMap((fault) => (fault.code === code ? (fault.remedy ?? []) : [])));
    const remedy = remedies.size === 0 ? {} : { remedy: [...remedies].join(' ') };
    throw new ReigniteError(code, formatProblems(causes, `${masks.length} masks`), remedy);
  }
  return [...paletteRemark(palettes), ...remarks];
}

async function checkMask(
  { roi, annotation, prediction }: MaskToCheck,
  translation: LabelTranslation | undefined,
): Promise<MaskFault | { readonly remark?: string; readonly isPalette: boolean }> {
  if (!existsSync(prediction)) {
    return { code: 'ROI_WITHOUT_PAIR', cause: `${roi} has no prediction ${prediction}` };
  }
  const truth = await imageSize(annotation);
  try {
    const { width, height, data, isPalette = false } = await decodeLabels(prediction);
    if (width !== truth.width || height !== truth.height) {
      const sizes = `${width} x ${height} px, its annotation ${truth.width} x ${truth.height} px`;
      return { code: 'SIZE_MISMATCH', cause: `${prediction} has ${sizes}` };
    }
    const unknown = unknownValues(data, translation);
    if (unknown.length === 0) return { isPalette };
    const remark = `${roi}: the mask contains ${unknown.join(', ')}, which is not a label; these pixels count as not predicted.`;
    return { isPalette, remark };
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
    return { code: 'IMAGE_UNREADABLE', cause: error.message.replace(/\.$/, ''), remedy: error.remedy };
  }
}

function unknownValues(data: Uint8Array, translation: LabelTranslation | undefined): readonly number[] {
  const seen = new Uint8Array(256);
  for (const value of data) seen[value] = 1;
  const isKnown = (value: number) =>
    translation === undefined ? value < HE_LABELS.length || value === NOT_PREDICTED : translation[value] !== undefined;
  return Array.from(seen.keys()).filter((value) => seen[value] === 1 && !isKnown(value));
}
