import type { Task } from '../../config/tasks.ts';
import type { DecodedImage } from '../image/accepted-image.ts';
import { measureStain, type StainColours } from '../image/stain-colours.ts';
import { MODEL_MPP } from '../model-resolution.ts';
import { definitionOf } from '../tasks/registry.ts';

const STAIN_NAMES = { 'H&E': 'H&E (pink and purple)', immunohistochemistry: 'immunohistochemistry (brown and blue)' };

/** Why the numbers of a model may mean nothing at all; a sentence. */
export function modelCautions({ synthetic }: { readonly synthetic: boolean }): readonly string[] {
  if (!synthetic) return [];
  return ['Do not trust these numbers: the model was trained on synthetic images, not on tissue.'];
}

/** Says when an image does not have the colours of the stain of the task. */
export function stainCautions(task: Task, image: DecodedImage): readonly string[] {
  const colours = measureStain(image);
  const { stain: expected } = definitionOf(task);
  if (colours.kind === 'unknown' || colours.kind === expected) return [];
  const made = `models of this task are made for ${STAIN_NAMES[expected]}`;
  if (colours.kind === 'other') {
    return [`Do not trust these numbers: it does not look like a stained section (${coloursText(colours)}); ${made}.`];
  }
  return [`Do not trust these numbers: it looks like ${STAIN_NAMES[colours.kind]}; ${made}.`];
}

function coloursText({ black, grey, pink, brown, blue, odd }: StainColours): string {
  const shares = Object.entries({ black, grey, 'pink or purple': pink, brown, blue, 'other colours': odd });
  const largest = shares.filter(([, share]) => share >= 0.05).sort(([, a], [, b]) => b - a);
  return largest
    .slice(0, 2)
    .map(([name, share]) => `${Math.round(100 * share)} % ${name}`)
    .join(', ');
}

/** Says when the size of a pixel is not known. */
export function scaleCautions(mpp: number | undefined): readonly string[] {
  if (mpp !== undefined) return [];
  return [`Its pixel size is unknown; the models expect ${MODEL_MPP} µm/px. Set it with --mpp.`];
}

/** Nuclei of 7 µm side by side, without any space between them. */
const MAX_PER_MM2 = 20_000;

/**
 * Says when there are more cells than tissue can have.
 *
 * @param pixels - Of the image.
 * @param mpp - µm per px; where it is not known, that of the models is assumed, which the sentence says.
 */
export function densityCautions(cells: number, pixels: number, mpp: number | undefined): readonly string[] {
  const mm2 = (pixels * (mpp ?? MODEL_MPP) ** 2) / 1e6;
  // A few cells in a small crop give no density.
  if ((cells - 3 * Math.sqrt(cells)) / mm2 <= MAX_PER_MM2) return [];
  const assumed = mpp === undefined ? `, if a pixel is ${MODEL_MPP} µm,` : '';
  return [
    `Do not trust these numbers: ${Math.round(cells / mm2)} cells per mm²${assumed} are more than tissue can hold ` +
      `(about ${MAX_PER_MM2}).`,
  ];
}
