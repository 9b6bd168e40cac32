import { TAG, type TiffPage } from './tiff-pages.ts';

/** How large a pixel of the largest level is, and who says so. */
export interface SlideResolution {
  /** µm per px, the mean of both axes. */
  readonly mpp: number;
  /** What says so, as a person reads it. */
  readonly source: string;
}

/** What a slide says of its scale: the value, or why there is none. */
export interface StatedResolution {
  readonly resolution?: SlideResolution;
  /** Magnification of the objective, where it is said. */
  readonly power?: number;
  /** Values that the file states and that cannot be, one sentence each. */
  readonly notes: readonly string[];
}

/** µm per px that microscopes have; 72 dpi would be 353. */
const FINEST = 0.02;
const COARSEST = 20;
/** Pixels are squares, give or take. */
const SQUARE = 0.05;

/** What Philips calls the size of a pixel, and what follows the name: down, then across. */
const SPACING = 'DICOM_PIXEL_SPACING';
const SPACING_VALUES = /^[^>]*>\s*(?:&quot;|")([\d.eE+-]+)(?:&quot;|")\s+(?:&quot;|")([\d.eE+-]+)/;
/** Of Unicode. */
const LAST_CHARACTER = 0x10_ffff;

const UM_PER_UNIT: Readonly<Record<string, number>> = {
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
};
const UM_PER_RESOLUTION_UNIT: Readonly<Record<number, number>> = { 2: 25_400, 3: 10_000 };

/**
 * Finds the scale of a slide: of Aperio in the description, of OME in its XML with the unit, else in the TIFF's
 * resolution tags. Stated values that no microscope has are not believed.
 *
 * @param base - The page of the largest level.
 * @param pages - All pages: Aperio may say it elsewhere.
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

/** Whether a slide may have pixels of this size, µm. */
export function isBelievableMpp(x: number, y: number): boolean {
  return [x, y].every((mpp) => mpp >= FINEST && mpp <= COARSEST) && Math.abs(x / y - 1) <= SQUARE;
}

function meanOf({ x, y, source }: Stated): SlideResolution {
  return { mpp: x === y ? x : (x + y) / 2, source };
}

function disbelief({ x, y, source }: Stated): string {
  const value = x === y ? `${short(x)} µm/px` : `${short(x)} x ${short(y)} µm/px`;
  return `Its ${source} states ${value}, which is implausible for a slide and was ignored.`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function aperio(texts: readonly string[]): Stated | undefined {
  const mpp = numberOf(
    texts.filter((text) => /aperio/i.test(text)),
    /(?:^|\|)\s*MPP\s*=\s*([\d.,]+)/,
  );
  return mpp === undefined ? undefined : { x: mpp, y: mpp, source: 'description (MPP)' };
}

/** A file may hold the pictures of the label and of the glass too: those of another size say nothing of the slide. */
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
  const scale = UM_PER_UNIT[unescaped(unit).trim().toLowerCase()];
  return Number.isFinite(size) && scale !== undefined ? size * scale : undefined;
}

/** XML may write µ and Å by their numbers, and a Latin-1 µ is not valid UTF-8. */
function unescaped(unit: string): string {
  const named = unit.replace(/&#x([0-9a-f]+);/gi, (whole, hex: string) => character(Number.parseInt(hex, 16), whole));
  return named.replace(/&#(\d+);/g, (whole, code: string) => character(Number(code), whole)).replace('\uFFFD', 'µ');
}

/** @param otherwise - What is returned for a number beyond Unicode. */
function character(code: number, otherwise: string): string {
  return code <= LAST_CHARACTER ? String.fromCodePoint(code) : otherwise;
}

/** Philips writes the spacing in mm into an XML of attributes. */
function philips(texts: readonly string[]): Stated | undefined {
  const [, ...named] = texts.find((each) => each.includes(SPACING))?.split(SPACING) ?? [];
  for (const text of named) {
    // Searched in each part from its start, because one pattern for all would take time quadratic in their number.
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
