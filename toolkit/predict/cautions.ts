import type { Task } from '../../config/tasks.ts';
import type { DecodedImage } from '../image/accepted-image.ts';
import { measureStain, type StainColours } from '../image/stain-colours.ts';
import { MODEL_MPP } from '../model-resolution.ts';
import { definitionOf } from '../tasks/registry.ts';

const STAIN_NAMES = { 'H&E': 'H&E (pink and purple)', immunohistochemistry: 'immunohistochemistry (brown and blue)' };

/** Warns about a model that was trained on synthetic images. */
export function modelCautions({ synthetic }: { readonly synthetic: boolean }): readonly string[] {
  if (!synthetic) return [];
  return ['Do not trust these numbers: the model was trained on synthetic images, not on tissue.'];
}

/** Warns if the colours of an image are not those of the task's stain. */
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

/** Warns if the pixel size is unknown. */
export function scaleCautions(mpp: number | undefined): readonly string[] {
  if (mpp !== undefined) return [];
  return [`Its pixel size is unknown; the models expect ${MODEL_MPP} µm/px. Set it with --mpp.`];
}

/** Density of nuclei of 7 µm packed without any space between them. */
const MAX_PER_MM2 = 20_000;

/**
 * Warns if there are more cells than tissue can contain.
 *
 * @param pixels - Number of pixels of the image.
 * @param mpp - µm per px. Default: that of the models, which the warning then says.
 */
export function densityCautions(cells: number, pixels: number, mpp: number | undefined): readonly string[] {
  const mm2 = (pixels * (mpp ?? MODEL_MPP) ** 2) / 1e6;
  // Three standard deviations are subtracted, because the density of a few cells in a small crop is unreliable.
  if ((cells - 3 * Math.sqrt(cells)) / mm2 <= MAX_PER_MM2) return [];
  const assumed = mpp === undefined ? `, if a pixel is ${MODEL_MPP} µm,` : '';
  return [
    `Do not trust these numbers: ${Math.round(cells / mm2)} cells per mm²${assumed} are more than tissue can hold ` +
      `(about ${MAX_PER_MM2}).`,
  ];
}
