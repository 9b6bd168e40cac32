import {
  exifOrientation,
  type ImageHeader,
  type Obstacle,
  type PageSize,
  REMEDIES,
  type ReadHeader,
  refused,
} from './image-header.ts';
import { type ByteSource, readTiffDirectories, type TiffDirectory } from './tiff-directory.ts';

const TAG = {
  subfileType: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samples: 277,
  planar: 284,
  predictor: 317,
  tileWidth: 322,
  extraSamples: 338,
  sampleFormat: 339,
  profile: 34675,
} as const;
const TAGS: ReadonlySet<number> = new Set(Object.values(TAG));

const COMPRESSIONS: Readonly<Record<number, string>> = {
  2: 'CCITT RLE',
  3: 'CCITT fax 3',
  4: 'CCITT fax 4',
  6: 'old-style JPEG',
  34661: 'JBIG',
  34676: 'SGI LogLuv',
  34677: 'SGI LogLuv',
  33003: 'JPEG 2000',
  33004: 'JPEG 2000',
  33005: 'JPEG 2000',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34892: 'lossy JPEG of DNG',
  34925: 'LZMA',
  34926: 'Zstandard',
  34927: 'WebP',
  34933: 'PNG',
  34934: 'JPEG XR',
  50000: 'Zstandard',
  50001: 'WebP',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
};
const NO_COMPRESSION = 1;
const SEPARATE = 2;
const JPEG = 7;
/** None, LZW, JPEG, deflate (two values), PackBits. */
const READABLE: ReadonlySet<number> = new Set([NO_COMPRESSION, 5, JPEG, 8, 32946, 32773]);

const PHOTOMETRIC = { whiteIsZero: 0, blackIsZero: 1, rgb: 2, palette: 3, yCbCr: 6 } as const;
const OTHER_COLOURS: Readonly<Record<number, string>> = {
  4: 'a transparency mask',
  5: 'cmyk',
  8: 'CIE L*a*b*',
  9: 'ICC L*a*b*',
  10: 'ITU L*a*b*',
  32803: 'the raw mosaic of a camera',
  32844: 'LogL',
  32845: 'LogLuv',
  34892: 'the raw values of a camera',
};
const SAMPLE_FORMATS: Readonly<Record<number, string>> = {
  2: 'signed integers',
  3: 'floating point numbers',
  4: 'of no stated kind',
  5: 'complex integers',
  6: 'complex numbers',
};
const UNSIGNED = 1;
const PREMULTIPLIED = 1;
const ALPHA = 2;
const PREDICTORS: ReadonlySet<number> = new Set([1, 2]);

/**
 * Reads the header of the first page of a TIFF, and the sizes of all pages.
 *
 * @returns Undefined if the file does not start like a TIFF.
 */
export async function readTiffHeader(source: ByteSource): Promise<ReadHeader | undefined> {
  const pages = await readTiffDirectories(source, TAGS);
  if (pages === undefined) return undefined;
  const [first] = pages;
  if (first === undefined) return refused('it has no page', 'Write the file again, or download it again.');
  return obstacleOf(first) ?? { header: headerOf(first, pages) };
}

function obstacleOf(page: TiffDirectory): ReadHeader | undefined {
  return compressionObstacle(page) ?? sampleObstacle(page) ?? colourObstacle(page);
}

function compressionObstacle(page: TiffDirectory): ReadHeader | undefined {
  const compression = one(page, TAG.compression, NO_COMPRESSION);
  if (!READABLE.has(compression)) {
    const name = COMPRESSIONS[compression] ?? `compression ${compression}`;
    return refused(`it is compressed with ${name}`, REMEDIES.recompress);
  }
  const predictor = one(page, TAG.predictor, 1);
  if (!PREDICTORS.has(predictor)) return refused(`it is compressed with predictor ${predictor}`, REMEDIES.recompress);
  if (one(page, TAG.planar, 1) === SEPARATE && page.has(TAG.tileWidth)) {
    return refused('it stores each colour in separate tiles', REMEDIES.recompress);
  }
  return undefined;
}

function sampleObstacle(page: TiffDirectory): ReadHeader | undefined {
  const format = (page.get(TAG.sampleFormat) ?? []).find((each) => each !== UNSIGNED);
  if (format !== undefined) {
    const kind = SAMPLE_FORMATS[format] ?? `of kind ${format}`;
    return refused(`its samples are ${kind}, not unsigned integers`, REMEDIES.range);
  }
  const bits = page.get(TAG.bits) ?? [1];
  if (bits.some((each) => each !== bits[0])) {
    return refused(`its channels have ${bits.join(', ')} bits, not the same number`, REMEDIES.depth);
  }
  if (bits[0] !== 8 && bits[0] !== 16) {
    const remedy = (bits[0] ?? 0) > 16 ? REMEDIES.range : REMEDIES.depth;
    return refused(`it has ${bits[0]} bits per sample; 8 and 16 are read`, remedy);
  }
  return undefined;
}

function colourObstacle(page: TiffDirectory): ReadHeader | undefined {
  const photometric = page.get(TAG.photometric)?.[0];
  if (photometric === undefined) return refused('it does not state the meaning of its values', REMEDIES.colours);
  const other = OTHER_COLOURS[photometric];
  if (other !== undefined) return refused(`its colours are ${other}`, REMEDIES.colours);
  const samples = one(page, TAG.samples, 1);
  const extra = page.get(TAG.extraSamples) ?? [];
  // The image library divides the colours by a premultiplied alpha, which cannot be undone.
  if (extra.includes(PREMULTIPLIED)) return refused('its colours are multiplied by its alpha', REMEDIES.alpha);
  const isJpeg = one(page, TAG.compression, NO_COMPRESSION) === JPEG;
  switch (photometric) {
    case PHOTOMETRIC.whiteIsZero:
    case PHOTOMETRIC.blackIsZero:
      if (samples === 1 || (samples === 2 && extra[0] === ALPHA)) return undefined;
      if (photometric === PHOTOMETRIC.blackIsZero && (samples === 2 || samples === 4)) return undefined;
      return { obstacle: notGreyOrRgb(samples) };
    case PHOTOMETRIC.rgb:
      if (samples === 3 || (samples === 4 && extra.length <= 1)) return undefined;
      return refused(`it has ${samples} bands, not RGB with at most one more`, REMEDIES.bands);
    case PHOTOMETRIC.palette:
      if (samples === 1 && one(page, TAG.bits, 1) === 8) return undefined;
      return refused('its palette is not 8-bit with one band', REMEDIES.colours);
    case PHOTOMETRIC.yCbCr:
      if (samples === 3 && isJpeg) return undefined;
      return refused('its colours are YCbCr without JPEG compression', REMEDIES.colours);
    default:
      return refused(`its colours are of kind ${photometric}`, REMEDIES.colours);
  }
}

function notGreyOrRgb(samples: number): Obstacle {
  return { reason: `it has ${samples} bands of grey values, not grey or RGB`, remedy: REMEDIES.bands };
}

function headerOf(page: TiffDirectory, pages: readonly TiffDirectory[]): ImageHeader {
  const photometric = one(page, TAG.photometric, PHOTOMETRIC.blackIsZero);
  const isColour = photometric === PHOTOMETRIC.rgb || photometric === PHOTOMETRIC.yCbCr;
  const isPalette = photometric === PHOTOMETRIC.palette;
  const samples = one(page, TAG.samples, 1);
  const extra = extraOf(samples - (isColour ? 3 : 1), page.get(TAG.extraSamples)?.[0]);
  // Several grey bands can only be read by a model with that number of channels.
  const isOnlyChannels = !isColour && samples > 1 && !(samples === 2 && extra === 'alpha');
  return {
    format: 'TIFF',
    width: one(page, TAG.width, 0),
    height: one(page, TAG.height, 0),
    colours: isPalette ? 'palette' : isColour ? 'RGB' : 'grey',
    bits: one(page, TAG.bits, 1),
    extra,
    channels: isPalette ? 3 : samples,
    ...(isOnlyChannels && { onlyChannels: notGreyOrRgb(samples) }),
    isInverted: photometric === PHOTOMETRIC.whiteIsZero,
    ...(one(page, TAG.compression, NO_COMPRESSION) === JPEG && { isLossy: true }),
    hasProfile: page.has(TAG.profile),
    orientation: one(page, TAG.orientation, 1),
    pages: pages.flatMap(sizesOf),
  };
}

function sizesOf(page: TiffDirectory): readonly PageSize[] {
  const isLevel = (one(page, TAG.subfileType, 0) & 1) === 1;
  return [{ width: one(page, TAG.width, 0), height: one(page, TAG.height, 0), isLevel }];
}

function extraOf(bands: number, kind: number | undefined): ImageHeader['extra'] {
  if (bands === 0) return 'none';
  return kind === ALPHA ? 'alpha' : 'unspecified channel';
}

function one(page: TiffDirectory, tag: number, otherwise: number): number {
  return page.get(tag)?.[0] ?? otherwise;
}

const START_OF_SCAN = 0xda;
const APP1 = 0xe1;
const APP2 = 0xe2;
const EXIF = 'Exif\0\0';
const PROFILE = 'ICC_PROFILE\0';
/** Baseline, extended and progressive with Huffman coding. */
const READABLE_FRAMES: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2]);
/** Returns whether a marker starts a frame of any kind. DHT, JPG and DAC are in the same range. */
const isFrame = (marker: number) =>
  (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) || marker === 0xf7;

/**
 * Reads the header of a JPEG.
 *
 * @returns Undefined if the file does not start like a JPEG.
 * @see ITU-T T.81, annex B
 */
export async function readJpegHeader(source: ByteSource): Promise<ReadHeader | undefined> {
  const start = await source.read(0, 3);
  if (start.length < 3 || start.readUIntBE(0, 3) !== 0xffd8ff) return undefined;
  let [orientation, hasProfile] = [1, false];
  for (let at = 2; ; ) {
    const head = await source.read(at, 4);
    if (head.length < 4 || head[0] !== 0xff) return refused('its header is truncated', 'Download or export it again.');
    const marker = head[1] ?? 0;
    // There may be fill bytes before a marker.
    if (marker === 0xff) {
      at++;
      continue;
    }
    const length = head.readUInt16BE(2);
    if (isFrame(marker)) return frameOf(marker, await source.read(at + 4, 6), orientation, hasProfile);
    if (marker === START_OF_SCAN) return refused('it has no frame', 'Download or export it again.');
    if (marker === APP1 || marker === APP2) {
      const body = await source.read(at + 4, length - 2);
      if (body.toString('latin1', 0, EXIF.length) === EXIF) {
        orientation = await exifOrientation(body.subarray(EXIF.length));
      }
      hasProfile ||= body.toString('latin1', 0, PROFILE.length) === PROFILE;
    }
    at += 2 + length;
  }
}

function frameOf(marker: number, frame: Buffer, orientation: number, hasProfile: boolean): ReadHeader {
  if (frame.length < 6) return refused('its header is truncated', 'Download or export it again.');
  const [bits = 0, components = 0] = [frame[0], frame[5]];
  const [height, width] = [frame.readUInt16BE(1), frame.readUInt16BE(3)];
  if (!READABLE_FRAMES.has(marker)) {
    return refused('it is a JPEG with arithmetic coding, or a lossless one', REMEDIES.depth);
  }
  if (bits !== 8) return refused(`it has ${bits} bits per sample; a JPEG of 8 is read`, REMEDIES.depth);
  if (components === 4) return refused('its colours are cmyk', REMEDIES.colours);
  if (components !== 1 && components !== 3) return refused(`it has ${components} components`, REMEDIES.bands);
  return {
    header: {
      format: 'JPEG',
      width,
      height,
      colours: components === 1 ? 'grey' : 'RGB',
      bits,
      extra: 'none',
      channels: components === 1 ? 1 : 3,
      isInverted: false,
      hasProfile,
      orientation,
      pages: [{ width, height, isLevel: false }],
    },
  };
}
