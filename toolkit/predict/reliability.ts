import type { Task } from '../../config/tasks.ts';
import type { DecodedImage } from '../image/accepted-image.ts';
import { MODEL_MPP } from '../slide/read/slide-resolution.ts';
import { definitionOf } from '../tasks/registry.ts';
import type { CandidatesFile } from '../yolo/detect/detection-files.ts';

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

/** Kind of stain, judged by the colours of the pixels that absorb light. */
export type StainKind = 'H&E' | 'immunohistochemistry' | 'other' | 'unknown';

/** Colours of an image. Shares (0 to 1) refer to the pixels that absorb light, unless stated otherwise. */
interface StainColours {
  /** Share of all sampled pixels that absorb light (tissue, in a section). */
  readonly tissue: number;
  /** Share of all sampled pixels that let almost no light through. */
  readonly black: number;
  /** Share of pixels without colour. */
  readonly grey: number;
  /** Pink to purple: eosin with haematoxylin. */
  readonly pink: number;
  /** Brown: DAB. */
  readonly brown: number;
  /** Blue: haematoxylin alone, as a counterstain. */
  readonly blue: number;
  /** Any other colour. */
  readonly odd: number;
  /** Median optical density, mean of the three channels. */
  readonly density: number;
  readonly kind: StainKind;
}

/** Mean optical density above which a pixel absorbs light. */
const TISSUE = 0.08;
/** Mean optical density at which 6 % of the light passes: denser than stained tissue in a normal section. */
const BLACK = 1.2;
/** Saturation in hue-saturation-density space below which a pixel is grey. */
const GREY = 0.15;
const MAX_PIXELS = 400_000;
/** With fewer pixels that absorb light, the kind is unknown. */
const FEWEST_PIXELS = 200;

const DENSITY = Float64Array.from({ length: 256 }, (_, value) => -Math.log10((value + 1) / 256));

/**
 * Measures the colours of an image in the hue-saturation-density space of van der Laak et al. (Cytometry 39, 2000). Hue and
 * saturation of the optical density do not depend on the amount of stain. At hue 0°, mostly red is absorbed: 0° to 60° is
 * blue, 60° to 180° purple and pink, 180° to 240° brown and orange, 240° to 360° green and yellow.
 *
 * The kind is decided with simple thresholds, which were chosen on the following images: 5 fields of 3 genuine H&E slides
 * and one of a DAB section were recognised correctly. The 20 other images of scikit-image and scikit-learn (photographs,
 * grey images, a fundus, a galaxy field) and 3 fluorescence fields were `other`. One drawing-like colour micrograph of
 * cells was classified as immunohistochemistry. A photograph with the colours of a stain would pass.
 *
 * @param image - RGB, row by row.
 */
export function measureStain({ data }: { readonly data: Uint8Array }): StainColours {
  const pixels = Math.floor(data.length / 3);
  const step = Math.max(1, Math.floor(pixels / MAX_PIXELS));
  const counts = { grey: 0, pink: 0, brown: 0, blue: 0, odd: 0 };
  const densities: number[] = [];
  let [looked, black] = [0, 0];
  for (let pixel = 0; pixel < pixels; pixel += step) {
    const red = DENSITY[data[3 * pixel] ?? 0] ?? 0;
    const green = DENSITY[data[3 * pixel + 1] ?? 0] ?? 0;
    const blue = DENSITY[data[3 * pixel + 2] ?? 0] ?? 0;
    const density = (red + green + blue) / 3;
    looked++;
    if (density > BLACK) black++;
    if (density <= TISSUE) continue;
    densities.push(density);
    counts[colourOf(red / density - 1, (green - blue) / (Math.sqrt(3) * density))]++;
  }
  const tissue = densities.length;
  const share = (count: number) => (tissue === 0 ? 0 : count / tissue);
  const colours = {
    tissue: looked === 0 ? 0 : tissue / looked,
    black: looked === 0 ? 0 : black / looked,
    grey: share(counts.grey),
    pink: share(counts.pink),
    brown: share(counts.brown),
    blue: share(counts.blue),
    odd: share(counts.odd),
    density: densities.sort((a, b) => a - b)[Math.floor(tissue / 2)] ?? 0,
  };
  return { ...colours, kind: tissue < FEWEST_PIXELS ? 'unknown' : kindOf(colours) };
}

function colourOf(x: number, y: number): 'grey' | 'pink' | 'brown' | 'blue' | 'odd' {
  if (Math.hypot(x, y) < GREY) return 'grey';
  const hue = ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360;
  if (hue < 60) return 'blue';
  if (hue < 180) return 'pink';
  return hue < 240 ? 'brown' : 'odd';
}

/** Upper limits for a stained section in bright field. */
const MOST = { black: 0.1, grey: 0.75, odd: 0.1, density: 0.6 } as const;

function kindOf({ black, grey, pink, brown, blue, odd, density }: Omit<StainColours, 'kind'>): StainKind {
  const isSection = black <= MOST.black && grey <= MOST.grey && odd <= MOST.odd && density <= MOST.density;
  if (!isSection) return 'other';
  if (pink >= 0.5) return 'H&E';
  // Brown alone is not immunohistochemistry: there are always blue nuclei between the brown cells.
  const isCounterstained = blue >= 0.02;
  return isCounterstained && blue + brown + grey >= 0.5 ? 'immunohistochemistry' : 'other';
}

/** Confidence below which a pixel is unclear: best minus second-best mean softmax, 0 to 1. */
const UNCLEAR = 0.1;
/** Value that means a confidence of 1 in 16-bit confidence maps. */
const FULL = 65_535;

/** Confidence of a segmentation. */
export interface TissueCertainty {
  /** Median over all pixels of the best minus the second-best mean softmax, 0 to 1. */
  readonly medianConfidence: number;
  /** Share of pixels whose confidence is below 0.1. */
  readonly unclearShare: number;
}

/** Summarises a confidence map. @param map - 65535 times the confidence of every pixel. */
export function tissueCertainty(map: Uint16Array): TissueCertainty {
  const counts = new Float64Array(FULL + 1);
  for (const confidence of map) counts[confidence] = (counts[confidence] ?? 0) + 1;
  return tissueCertaintyOf(counts);
}

/** Summarises a histogram of confidence. @param counts - Pixels per value; the last value means a confidence of 1. */
export function tissueCertaintyOf(counts: Float64Array): TissueCertainty {
  const full = counts.length - 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  let [unclear, below, median] = [0, 0, 0];
  for (const [confidence, count] of counts.entries()) {
    if (confidence < UNCLEAR * full) unclear += count;
    if (below <= total / 2 && below + count > total / 2) median = confidence;
    below += count;
  }
  return { medianConfidence: rounded(median / full), unclearShare: rounded(total === 0 ? 0 : unclear / total) };
}

export function tissueCertaintyNote({ medianConfidence, unclearShare }: TissueCertainty): string {
  return `${(100 * unclearShare).toFixed(1)} % of its pixels are unclear (confidence below ${UNCLEAR}); the median confidence is ${medianConfidence.toFixed(2)}.`;
}

/** Confidence of a cell detection. */
interface CellCertainty {
  /** Median detection score of the cells; missing if there are none. */
  readonly medianScore?: number;
  /** Candidates in the image that were recorded, but whose detection score does not exceed the confidence threshold. */
  readonly weakCandidates: number;
}

export function cellCertainty(
  cells: readonly { readonly score: number }[],
  { candidates, width, height }: CandidatesFile,
): CellCertainty {
  const scores = cells.map(({ score }) => score).sort((a, b) => a - b);
  const median = scores[Math.floor(scores.length / 2)];
  const weak = candidates.filter(({ x1, y1, x2, y2, outcome }) => {
    const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
    return outcome === 'confidence' && x >= 0 && y >= 0 && x < width && y < height;
  });
  return { ...(median !== undefined && { medianScore: rounded(median) }), weakCandidates: weak.length };
}

/** Describes the detection scores, in one sentence each; leaves out what nothing can be said about. */
export function cellCertaintyNotes(
  { medianScore, weakCandidates }: CellCertainty,
  { recorded, confidence }: Pick<CandidatesFile, 'recorded' | 'confidence'>,
): readonly string[] {
  const median =
    medianScore === undefined ? [] : [`The median detection score of its cells is ${medianScore.toFixed(2)}.`];
  // Candidates are recorded down to the threshold only.
  if (recorded >= confidence) return median;
  const candidates =
    weakCandidates === 1 ? '1 candidate has a detection score' : `${weakCandidates} candidates have detection scores`;
  const uncounted = `${candidates} between ${recorded} and ${confidence} and ${weakCandidates === 1 ? 'is' : 'are'} not counted.`;
  return [[...median, uncounted].join(' ')];
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
