import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { shellWord } from '../../format.ts';
import { codestreamHeader } from './jpeg-2000.ts';
import { type SlideLevel, type SlidePages, slidePages, tilesOf } from './slide-level.ts';
import { type SlideResolution, statedResolution } from './slide-resolution.ts';
import { readExactly, readTiffPages, TAG, type TiffPage } from './tiff-pages.ts';
import { COMPRESSION, isDecodable } from './tile-codec.ts';

/** Creates the error IMAGE_UNREADABLE for a slide, with a remedy. */
export function slideUnreadable(path: string, reason: string, remedy: string, cause?: unknown): ReigniteError {
  return new ReigniteError('IMAGE_UNREADABLE', `The slide ${path} cannot be read: ${reason}.`, {
    remedy: remedy.replaceAll('SLIDE', () => shellWord(path)),
    ...(cause !== undefined && { cause }),
  });
}

/** Remedies. `vips` is libvips 8.10 or later with OpenSlide; `bfconvert` is from Bio-Formats 6 or later. */
export const REMEDIES = {
  openslide:
    'Convert it with `vips tiffsave SLIDE OUT.tif --tile --pyramid --bigtiff --compression jpeg --Q 90` (libvips with ' +
    'OpenSlide), or in QuPath: File > Export images > OME TIFF; then give `--mpp` if the new file has no pixel size. Or name ' +
    'the library file of OpenSlide with `--openslide`.',
  bioFormats:
    'Convert it with `bfconvert -tilex 512 -tiley 512 -compression JPEG SLIDE OUT.ome.tif` (Bio-Formats), or in ' +
    'QuPath: File > Export images > OME TIFF.',
  recompress:
    'Convert it with `vips tiffsave SLIDE OUT.tif --tile --pyramid --bigtiff --compression deflate`, or in QuPath: ' +
    'File > Export images > OME TIFF.',
  colours:
    'Convert it to RGB with `vips colourspace SLIDE "OUT.tif[tile,pyramid,bigtiff,compression=deflate]" srgb`; then give ' +
    '`--mpp` if the new file has no pixel size.',
  channels: 'Use a bright-field slide of stained tissue in RGB: the models do not support fluorescence.',
  scanner: "Export it as SVS or pyramidal TIFF with the scanner's software.",
  gitLfs: 'Run `git lfs pull` in its repository.',
  webPage: 'Download the slide again: a web page was saved in its place.',
  damaged: 'Open it in QuPath; if it is damaged there too, copy or download it again.',
} as const;

const COMPRESSIONS: Readonly<Record<number, string>> = {
  6: 'old-style JPEG',
  34887: 'LERC',
  34892: 'lossy JPEG of DNG',
  34925: 'LZMA',
  34933: 'PNG',
  34934: 'JPEG XR',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
};
/** Longest side, px. Slides have at most about 300,000; the rows of a wider one would not fit into memory. */
const MAX_SIDE = 1_000_000;
/** Maximum size of a decoded tile or strip, bytes: it is held in memory for every region that touches it. */
const MAX_TILE_BYTES = 2 ** 28;
const SEPARATE = 2;

/** A format that this program does not read. */
interface OtherFormat {
  /** What the file is, as part of a sentence. */
  readonly name: string;
  readonly remedy: string;
}

/** Formats by their first bytes. */
const SIGNATURES: readonly (OtherFormat & { readonly offset: number; readonly bytes: string })[] = [
  { offset: 128, bytes: 'DICM', name: 'a DICOM file', remedy: REMEDIES.openslide },
  { offset: 0, bytes: 'ZISRAWFILE', name: 'a Zeiss CZI file', remedy: REMEDIES.bioFormats },
  { offset: 0, bytes: '\u0089HDF', name: 'an HDF5 file (Imaris, BDV and others)', remedy: REMEDIES.bioFormats },
  {
    offset: 0,
    bytes: '\u00d0\u00cf\u0011\u00e0',
    name: 'a compound file (ZVI, OIB and others)',
    remedy: REMEDIES.bioFormats,
  },
  { offset: 4, bytes: 'jP  ', name: 'a JPEG 2000 image', remedy: REMEDIES.bioFormats },
];
/** Files that were saved in place of a slide, by their first bytes. */
const SUBSTITUTES: typeof SIGNATURES = [
  { offset: 0, bytes: 'version https://git-lfs', name: 'a Git LFS pointer, not the slide', remedy: REMEDIES.gitLfs },
  { offset: 0, bytes: '<!DOCTYPE', name: 'a web page, not the slide', remedy: REMEDIES.webPage },
  { offset: 0, bytes: '<html', name: 'a web page, not the slide', remedy: REMEDIES.webPage },
];
/** Formats that only the file name reveals: a JPEG or text file that points to other files, or one without a signature. */
const ENDINGS: Readonly<Record<string, OtherFormat>> = {
  '.mrxs': { name: 'a 3DHISTECH MIRAX slide', remedy: REMEDIES.openslide },
  '.vms': { name: 'a Hamamatsu VMS slide', remedy: REMEDIES.openslide },
  '.vmu': { name: 'a Hamamatsu VMU slide', remedy: REMEDIES.openslide },
  '.svslide': { name: 'a Sakura slide', remedy: REMEDIES.openslide },
  '.dcm': { name: 'a DICOM file', remedy: REMEDIES.openslide },
  '.vsi': { name: 'an Olympus VSI slide', remedy: REMEDIES.bioFormats },
  '.ets': { name: 'a part of an Olympus VSI slide', remedy: REMEDIES.bioFormats },
  '.oir': { name: 'an Olympus OIR image', remedy: REMEDIES.bioFormats },
  '.isyntax': { name: 'a Philips iSyntax slide', remedy: REMEDIES.scanner },
  '.i2syntax': { name: 'a Philips iSyntax slide', remedy: REMEDIES.scanner },
  '.lif': { name: 'a Leica LIF file', remedy: REMEDIES.bioFormats },
  '.nd2': { name: 'a Nikon ND2 image', remedy: REMEDIES.bioFormats },
  '.afi': { name: 'an Aperio list of fluorescence slides', remedy: REMEDIES.channels },
  '.kfb': { name: 'a KFBio KFB slide', remedy: REMEDIES.scanner },
  '.sdpc': { name: 'a Sqray SDPC slide', remedy: REMEDIES.scanner },
  '.tmap': { name: 'a UNIC TMAP slide', remedy: REMEDIES.scanner },
  '.mds': { name: 'a Motic MDS slide', remedy: REMEDIES.scanner },
};

function byItsBytes(head: Buffer, kinds: typeof SIGNATURES): OtherFormat | undefined {
  return kinds.find(({ offset, bytes }) => head.toString('latin1', offset, offset + bytes.length) === bytes);
}

function byItsEnding(path: string): OtherFormat | undefined {
  return ENDINGS[extname(path).toLowerCase()];
}

/**
 * Returns whether a file has a scanner format that this program does not read.
 *
 * @param head - The first bytes of the file, at least 160 unless the file is shorter.
 */
function isOtherFormat(path: string, head: Buffer): boolean {
  return (byItsBytes(head, SIGNATURES) ?? byItsEnding(path)) !== undefined;
}

/**
 * Refuses scanner formats that this program does not read, and files that were saved in place of a slide.
 *
 * @param head - As for `isOtherFormat`.
 * @throws ReigniteError IMAGE_UNREADABLE with a remedy, such as a command that converts the file.
 */
export function refuseOtherFormats(path: string, head: Buffer): void {
  const found = byItsBytes(head, SIGNATURES) ?? byItsBytes(head, SUBSTITUTES) ?? byItsEnding(path);
  if (found !== undefined) throw slideUnreadable(path, `it is ${found.name}`, found.remedy);
}

/**
 * Refuses TIFFs whose pixels would be decoded wrongly.
 *
 * @throws ReigniteError IMAGE_UNREADABLE with the reason and a remedy.
 */
export function refusePages(path: string, { levels, others }: SlidePages): void {
  const [base] = levels;
  if (base === undefined) {
    throw slideUnreadable(path, 'its directory is missing or damaged, as in a file that is cut off', REMEDIES.damaged);
  }
  if (base.number(TAG.width, 0) < 1 || base.number(TAG.height, 0) < 1) {
    throw slideUnreadable(path, 'it contains no image', REMEDIES.damaged);
  }
  if (base.has(TAG.hamamatsu)) throw slideUnreadable(path, 'it is a Hamamatsu NDPI slide', REMEDIES.openslide);
  if (base.text(TAG.xmp).includes('iScan') || others.some((page) => page.text(TAG.xmp).includes('<iScan'))) {
    // Its tiles overlap and are not stored in image order.
    throw slideUnreadable(path, 'it is a Ventana BIF slide', REMEDIES.openslide);
  }
  const twins = others.filter((page) => isSameSize(page, base) && page.number(TAG.samples, 1) === 1);
  if (base.number(TAG.samples, 1) === 1 && twins.length > 0) {
    throw slideUnreadable(path, `it holds ${twins.length + 1} channels, one per page`, REMEDIES.channels);
  }
}

/** Refuses levels that cannot be decoded to RGB. @throws ReigniteError IMAGE_UNREADABLE. */
export function refuseLevel(path: string, level: SlideLevel): void {
  const { page, layout, width, height, tileWidth, tileHeight } = level;
  const refuse = (reason: string, remedy: string): never => {
    throw slideUnreadable(path, `its level of ${width} x ${height} px: ${reason}`, remedy);
  };
  if (Math.max(width, height) > MAX_SIDE) refuse('no slide is that large', REMEDIES.damaged);
  if (!isDecodable(layout.compression)) {
    const name = COMPRESSIONS[layout.compression] ?? `number ${layout.compression} of TIFF`;
    refuse(`the compression is ${name}`, REMEDIES.recompress);
  }
  const predictor = page.number(TAG.predictor, 1);
  if (predictor !== 1 && predictor !== 2) refuse(`predictor ${predictor}`, REMEDIES.recompress);
  if (page.numbers(TAG.sampleFormat).some((format) => format !== 1)) {
    refuse('its samples are not unsigned integers', REMEDIES.channels);
  }
  const bits = page.numbers(TAG.bits);
  if (bits.some((each) => each !== bits[0]) || (bits[0] !== 8 && bits[0] !== 16)) {
    const remedy = bits.some((each) => each > 16) ? REMEDIES.channels : REMEDIES.recompress;
    refuse(`its samples have ${bits.join(', ') || 1} bits; 8 and 16 are read`, remedy);
  }
  refuseColours(page, refuse);
  if (page.number(TAG.fillOrder, 1) !== 1 && layout.compression !== COMPRESSION.jpeg) {
    refuse('the bits of its bytes are in reversed order', REMEDIES.recompress);
  }
  if (tileWidth < 1 || tileHeight < 1) refuse('its tiles have no size', REMEDIES.damaged);
  if (tileWidth * tileHeight * page.number(TAG.samples, 1) * (layout.bits / 8) > MAX_TILE_BYTES) {
    refuse(
      `it is stored in pieces of ${tileWidth} x ${tileHeight} px, too large to decode one for each region`,
      REMEDIES.recompress,
    );
  }
  const planes = page.number(TAG.planar, 1) === SEPARATE ? page.number(TAG.samples, 1) : 1;
  const { across, down } = tilesOf(level);
  const expected = across * down * planes;
  if (level.offsets.length < expected || level.lengths.length < expected) {
    refuse(`it lists ${level.offsets.length} of its ${expected} tiles`, REMEDIES.damaged);
  }
}

/**
 * Refuses JPEG 2000 with subsampled colours, which the decoder would get wrong. Some Aperio slides have them.
 *
 * @param start - The first bytes of a tile of the level.
 * @throws ReigniteError IMAGE_UNREADABLE with a remedy.
 */
export function refuseCodestream(path: string, { width, height }: SlideLevel, start: Buffer): void {
  if (codestreamHeader(start)?.isSubsampled !== true) return;
  const reason = `its level of ${width} x ${height} px: the colours of its JPEG 2000 tiles are subsampled`;
  throw slideUnreadable(path, reason, REMEDIES.openslide);
}

function refuseColours(page: TiffPage, refuse: (reason: string, remedy: string) => never): void {
  const photometric = page.number(TAG.photometric, -1);
  const samples = page.number(TAG.samples, 1);
  const isJpeg = page.number(TAG.compression, 1) === COMPRESSION.jpeg;
  const colours = photometric === 2 || photometric === 6 ? 3 : 1;
  if (![0, 1, 2, 3, 6].includes(photometric)) {
    refuse(`its colours are of kind ${photometric}`, REMEDIES.colours);
  }
  if (photometric === 6 && page.number(TAG.planar, 1) === SEPARATE && samples > 1) {
    refuse('its colours are YCbCr in separate planes', REMEDIES.recompress);
  }
  if (photometric === 6 && !isJpeg && page.number(TAG.compression, 1) !== 33_003) {
    refuse('its colours are YCbCr without JPEG', REMEDIES.recompress);
  }
  if (photometric === 3 && (page.number(TAG.bits, 1) !== 8 || page.numbers(TAG.colourMap).length < 768)) {
    refuse('its palette is not 8-bit', REMEDIES.recompress);
  }
  if (samples < colours || samples > colours + 1) {
    refuse(`it has ${samples} channels, not grey or RGB`, REMEDIES.channels);
  }
  if (page.numbers(TAG.extraSamples).includes(1))
    refuse('its colours are multiplied by its alpha', REMEDIES.recompress);
}

function isSameSize(a: TiffPage, b: TiffPage): boolean {
  return a.number(TAG.width, 0) === b.number(TAG.width, 0) && a.number(TAG.height, 0) === b.number(TAG.height, 0);
}

/** File extensions that only slides have. For unsupported formats, see `isOtherFormat`. */
const SLIDE_ENDINGS: ReadonlySet<string> = new Set(['.svs', '.ndpi', '.scn', '.bif', '.czi']);
/** Pixels; larger images are not held in memory as a whole. */
const MAX_IN_MEMORY = 2 ** 27;
const HEAD_BYTES = 160;
/** Compressions that the image library decodes. */
const PLAIN: ReadonlySet<number> = new Set([
  COMPRESSION.none,
  COMPRESSION.lzw,
  COMPRESSION.jpeg,
  COMPRESSION.deflate,
  COMPRESSION.oldDeflate,
  COMPRESSION.packBits,
]);

/**
 * Returns whether a file is read as a slide: it has the extension of one, or is a TIFF with levels, too large for memory,
 * or stored in a way that only the slide reader supports. Other images are read as a whole.
 */
export async function isSlide(path: string): Promise<boolean> {
  if (SLIDE_ENDINGS.has(extname(path).toLowerCase())) return true;
  const { head, pages } = await contentOf(path);
  if (isOtherFormat(path, head)) return true;
  const [base, ...others] = slidePages(pages).levels;
  return base !== undefined && (others.length > 0 || isOfSlides(base));
}

/** Reads the pixel size that a TIFF states. Undefined if it is missing or implausible, and for other files. */
export async function scaleOfTiff(path: string): Promise<SlideResolution | undefined> {
  const { pages } = await contentOf(path);
  const [base] = slidePages(pages).levels;
  return base === undefined ? undefined : statedResolution(base, pages).resolution;
}

/** The first bytes of a file, and the pages of a TIFF. */
interface Content {
  readonly head: Buffer;
  /** Empty for other files and for damaged ones, which fail later, when the image is read. */
  readonly pages: readonly TiffPage[];
}

const NOTHING: Content = { head: Buffer.alloc(0), pages: [] };

async function contentOf(path: string): Promise<Content> {
  const handle = await open(path).catch(() => undefined);
  if (handle === undefined) return NOTHING;
  try {
    const source = { read: (offset: number, length: number) => readExactly(handle, offset, length) };
    const head = await source.read(0, HEAD_BYTES);
    return { head, pages: (await readTiffPages(source).catch(() => undefined))?.pages ?? [] };
  } catch {
    // For example a folder; reading the image reports it.
    return NOTHING;
  } finally {
    await handle.close();
  }
}

function isOfSlides(base: TiffPage): boolean {
  const pixels = base.number(TAG.width, 0) * base.number(TAG.height, 0);
  if (pixels > MAX_IN_MEMORY || base.has(TAG.hamamatsu)) return true;
  if (/^Aperio/i.test(base.text(TAG.description))) return true;
  if (!base.has(TAG.tileWidth)) return false;
  return base.number(TAG.planar, 1) === SEPARATE || !PLAIN.has(base.number(TAG.compression, 1));
}
