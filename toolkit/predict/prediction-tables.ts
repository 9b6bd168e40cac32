import type { ClassCount, ImagePrediction } from './prediction.ts';
import type { ImageFailure } from './prediction-summary.ts';

const NAME_WIDTH = 28;
/** With more classes than this, only those that occur are listed. */
const FEW_CLASSES = 10;

/**
 * What a person reads of one image.
 *
 * @param isQuiet - Leaves out the notes.
 */
export function describePrediction(image: ImagePrediction, isQuiet = false): string[] {
  const size = `${image.width} x ${image.height} px${image.mpp === undefined ? '' : `, ${image.mpp} µm/px`}`;
  const how = image.cached ? 'from the cache' : `${image.seconds.toFixed(1)} s on ${image.provider}`;
  return [
    `${image.name}: ${size}, ${how}`,
    ...(image.areas ?? []).map(({ name, share, mm2 }) =>
      row(name, `${(100 * share).toFixed(2).padStart(6)} %${mm2 === undefined ? '' : `  ${mm2.toFixed(4)} mm²`}`),
    ),
    ...countRows(image.counts ?? []),
    ...outlinesOf(image),
    ...(isQuiet ? [] : image.notes).map((note) => `  ${note}`),
  ];
}

function countRows(counts: readonly ClassCount[]): string[] {
  const found = counts.length > FEW_CLASSES ? counts.filter(({ count }) => count > 0) : counts;
  const rows = found.map(({ name, count, perMm2 }) =>
    row(name, `${String(count).padStart(6)}${perMm2 === undefined ? '' : `  ${perMm2.toFixed(1)} /mm²`}`),
  );
  const absent = counts.length - found.length;
  return absent === 0 ? rows : [...rows, `  ${absent} ${found.length > 0 ? 'other ' : ''}classes: none found`];
}

function outlinesOf({ regions, leftOut, width, height }: ImagePrediction): string[] {
  if (regions === undefined || leftOut === undefined || leftOut.regions === 0) return [];
  const share = ((100 * leftOut.pixels) / (width * height)).toFixed(2);
  const smaller = leftOut.regions === 1 ? '1 smaller region' : `${leftOut.regions} smaller regions`;
  const outlines = regions === 1 ? '1 outline' : `${regions} outlines`;
  return [
    `  ${outlines}; ${smaller} (${leftOut.pixels} px, ${share} % of the image) left out by --min-area; 0 keeps all`,
  ];
}

/** What a person reads of an image that could not be predicted. */
export function describeFailure({ code, cause, remedy }: ImageFailure): string {
  return `error ${code}: ${cause}\n  ${remedy}`;
}

/** All numbers of all images as CSV, one line a class of an image. */
export function predictionTable(images: readonly ImagePrediction[]): string {
  const areas = images.flatMap(({ name, areas = [] }) =>
    areas.map((area) => [quoted(name), area.value, quoted(area.name), area.pixels, area.share, area.mm2 ?? '']),
  );
  const counts = images.flatMap(({ name, counts = [] }) =>
    counts.map((each) => [quoted(name), each.value, quoted(each.name), each.count, each.perMm2 ?? '']),
  );
  const isTissue = images.some(({ areas: of }) => of !== undefined);
  const head = isTissue ? 'image,label,name,pixels,share,mm2' : 'image,class,name,cells,per_mm2';
  return `${[head, ...(isTissue ? areas : counts).map((cells) => cells.join(','))].join('\n')}\n`;
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${value}`;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
