import { TAG, type TiffPage } from './tiff-pages.ts';

/** Pixel size of the largest level, and where it was found. */
export interface SlideResolution {
  /** µm per px, the mean of both axes. */
  readonly mpp: number;
  /** Where it was found, as text for the user. */
  readonly source: string;
}

/** Pixel size that a slide states. */
export interface StatedResolution {
  readonly resolution?: SlideResolution;
  /** Magnification of the objective, if stated. */
  readonly power?: number;
  /** Implausible values that were ignored, one sentence each. */
  readonly notes: readonly string[];
}

/** Range of pixel sizes of microscopes, µm. For comparison, 72 dpi would be 353. */
const FINEST = 0.02;
const COARSEST = 20;
/** Largest relative difference between the width and the height of a pixel. */
const SQUARE = 0.05;

/** Philips' name for the pixel size, and the pattern of the values after it: vertical, then horizontal. */
const SPACING = 'DICOM_PIXEL_SPACING';
const SPACING_VALUES = /^[^>]*>\s*(?:&quot;|")([\d.eE+-]+)(?:&quot;|")\s+(?:&quot;|")([\d.eE+-]+)/;
/** The largest Unicode code point. */
const LAST_CHARACTER = 0x10_ffff;

const UM_PER_UNIT: ReadonlyMap<string, number> = new Map(
  Object.entries({
    m: 1e6,
    cm: 1e4,
    mm: 1e3,
    µm: 1,
    μm: 1,
    um: 1,
    nm: 1e-3,
    pm: 1e-6,
    å: 1e-4,
    in: 25_400,
  }),
);
const UM_PER_RESOLUTION_UNIT: Readonly<Record<number, number>> = { 2: 25_400, 3: 10_000 };

/**
 * Reads the pixel size of a slide from the description (Aperio, Philips), the OME-XML, or else the resolution tags of the
 * TIFF. Ignores values that no microscope has.
 *
 * @param base - The page of the largest level.
 * @param pages - All pages; Aperio may state it on another one.
 */
export function statedResolution(base: TiffPage, pages: readonly TiffPage[]): StatedResolution {
  const notes: string[] = [];
  const texts = [base, ...pages].map((page) => page.text(TAG.description));
  const power = numberOf(texts, /(?:^|\|)\s*AppMag\s*=\s*([\d.,]+)/);
  const magnification = power === undefined ? {} : { power };
  for (const find of [aperio, ome, philips]) {
    const found = find(texts, base);
    if (found === undefined) continue;
    if (isBelievable(found)) return { resolution: meanOf(found), ...magnification, notes };
    notes.push(disbelief(found));
  }
  const tagged = ofTags(base);
  if (tagged === undefined) return { ...magnification, notes };
  if (isBelievable(tagged)) return { resolution: meanOf(tagged), ...magnification, notes };
  return { ...magnification, notes: [...notes, disbelief(tagged)] };
}

interface Stated {
  readonly x: number;
  readonly y: number;
  readonly source: string;
}

function isBelievable({ x, y }: Stated): boolean {
  return isBelievableMpp(x, y);
}

/** Returns whether a pixel size in µm is plausible for a slide. */
export function isBelievableMpp(x: number, y: number): boolean {
  return [x, y].every((mpp) => mpp >= FINEST && mpp <= COARSEST) && Math.abs(x / y - 1) <= SQUARE;
}

function meanOf({ x, y, source }: Stated): SlideResolution {
  return { mpp: x === y ? x : (x + y) / 2, source };
}

function disbelief({ x, y, source }: Stated): string {
  const value = x === y ? `${scaleText(x)} µm/px` : `${scaleText(x)} x ${scaleText(y)} µm/px`;
  return `Its ${source} states ${value}, which is implausible for a slide and was ignored.`;
}

/** Formats a pixel size or a scale, with up to four significant digits. */
export function scaleText(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function aperio(texts: readonly string[]): Stated | undefined {
  const mpp = numberOf(
    texts.filter((text) => /aperio/i.test(text)),
    /(?:^|\|)\s*MPP\s*=\s*([\d.,]+)/,
  );
  return mpp === undefined ? undefined : { x: mpp, y: mpp, source: 'description (MPP)' };
}

/** Reads the pixel size from OME-XML. Skips images of another size than the slide, such as the label and the macro image. */
function ome(texts: readonly string[], base: TiffPage): Stated | undefined {
  const all = [...new Set(texts)].flatMap((text) => text.match(/<(?:\w+:)?Pixels\b[^<>]*>/g) ?? []);
  const sizeIn = (pixels: string, axis: 'X' | 'Y') =>
    Number(new RegExp(`\\bSize${axis}\\s*=\\s*["'](\\d+)["']`).exec(pixels)?.[1] ?? Number.NaN);
  const ofBase = all.find(
    (pixels) => sizeIn(pixels, 'X') === base.number(TAG.width, 0) && sizeIn(pixels, 'Y') === base.number(TAG.height, 0),
  );
  const pixels = ofBase ?? (all.length === 1 ? all[0] : undefined);
  if (pixels === undefined) return undefined;
  const [x, y] = [physicalSize(pixels, 'X'), physicalSize(pixels, 'Y')];
  const [first, second] = [x ?? y, y ?? x];
  if (first === undefined || second === undefined) return undefined;
  return { x: first, y: second, source: 'OME-XML (PhysicalSize)' };
}

function physicalSize(pixels: string, axis: 'X' | 'Y'): number | undefined {
  const size = Number(new RegExp(`\\bPhysicalSize${axis}\\s*=\\s*["']([^"']+)["']`).exec(pixels)?.[1] ?? Number.NaN);
  const unit = new RegExp(`\\bPhysicalSize${axis}Unit\\s*=\\s*["']([^"']+)["']`).exec(pixels)?.[1] ?? 'µm';
  const scale = UM_PER_UNIT.get(unescaped(unit).trim().toLowerCase());
  return Number.isFinite(size) && scale !== undefined ? size * scale : undefined;
}

/** Replaces numeric character references: XML may write µ and Å so. Also repairs a Latin-1 µ, which is not valid UTF-8. */
function unescaped(unit: string): string {
  const named = unit.replace(/&#x([0-9a-f]+);/gi, (whole, hex: string) => character(Number.parseInt(hex, 16), whole));
  return named.replace(/&#(\d+);/g, (whole, code: string) => character(Number(code), whole)).replace('\uFFFD', 'µ');
}

/** @param otherwise - Returned if `code` is not a Unicode code point. */
function character(code: number, otherwise: string): string {
  return code <= LAST_CHARACTER ? String.fromCodePoint(code) : otherwise;
}

/** Reads the pixel spacing in mm from the XML that Philips writes into the description. */
function philips(texts: readonly string[]): Stated | undefined {
  const [, ...named] = texts.find((each) => each.includes(SPACING))?.split(SPACING) ?? [];
  for (const text of named) {
    // The pattern is anchored at the start of each part; one search over the whole text could take quadratic time.
    const [found, down, across] = SPACING_VALUES.exec(text) ?? [];
    if (found === undefined) continue;
    const [y, x] = [Number(down) * 1e3, Number(across) * 1e3];
    if (!Number.isFinite(x) || !Number.isFinite(y)) return undefined;
    return { x, y, source: `description (${SPACING})` };
  }
  return undefined;
}

function ofTags(page: TiffPage): Stated | undefined {
  const um = UM_PER_RESOLUTION_UNIT[page.number(TAG.resolutionUnit, 2)];
  const [across, down] = [page.fraction(TAG.xResolution), page.fraction(TAG.yResolution)];
  const [x, y] = [across ?? down, down ?? across];
  if (um === undefined || x === undefined || y === undefined || !(x > 0) || !(y > 0)) return undefined;
  return { x: um / x, y: um / y, source: 'resolution tag' };
}

function numberOf(texts: readonly string[], pattern: RegExp): number | undefined {
  for (const text of texts) {
    const value = Number(pattern.exec(text)?.[1]?.replace(',', '.') ?? Number.NaN);
    if (Number.isFinite(value) && value > 0) return value;
  }
  return undefined;
}

/**
 * µm/px of the images that the paper's models were trained on. Images for custom models are resampled to it as well.
 */
export const MODEL_MPP = 0.5;
/** Relative deviation that is accepted silently: 5 %. */
const NEAR = 0.05;

/** Returns whether a pixel size in µm/px is close enough to what the models expect. */
export function suitsModels(mpp: number): boolean {
  return Math.abs(mpp / MODEL_MPP - 1) <= NEAR;
}
