import { exifOrientation } from './exif-orientation.ts';
import { type ImageHeader, type ReadHeader, refused } from './image-header.ts';
import type { ByteSource } from './tiff-directory.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOUR_TYPE = { grey: 0, rgb: 2, palette: 3, greyAlpha: 4, rgbAlpha: 6 } as const;
const MOST_CHUNKS = 100_000;
const MOST_EXIF = 1 << 20;

/**
 * Reads the header of a PNG: its first chunk, and of the others what changes how pixels are to be taken.
 *
 * @returns Undefined for what does not start as a PNG.
 * @see PNG (Third Edition), section 11
 */
export async function readPngHeader(source: ByteSource): Promise<ReadHeader | undefined> {
  const start = await source.read(0, 33);
  if (!start.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined;
  if (start.length < 33 || start.toString('latin1', 12, 16) !== 'IHDR') {
    return refused('its header breaks off', 'Fetch or export it again.');
  }
  const [width, height] = [start.readUInt32BE(16), start.readUInt32BE(20)];
  const [bits = 0, type = 0] = [start[24], start[25]];
  const more = await readChunks(source);
  const hasAlpha = type === COLOUR_TYPE.greyAlpha || type === COLOUR_TYPE.rgbAlpha || more.isTransparent;
  return {
    header: {
      format: 'PNG',
      width,
      height,
      colours: coloursOf(type),
      bits,
      extra: hasAlpha ? 'alpha' : 'none',
      isInverted: false,
      hasProfile: more.hasProfile,
      orientation: more.orientation,
      pages: Array.from({ length: more.frames }, () => ({ width, height, isLevel: false })),
    },
  };
}

function coloursOf(type: number): ImageHeader['colours'] {
  if (type === COLOUR_TYPE.palette) return 'palette';
  return type === COLOUR_TYPE.rgb || type === COLOUR_TYPE.rgbAlpha ? 'RGB' : 'grey';
}

/** What the chunks after the first say; pixels are passed over. */
async function readChunks(source: ByteSource) {
  let [isTransparent, hasProfile, orientation, frames] = [false, false, 1, 1];
  let at = 33;
  for (let chunk = 0; chunk < MOST_CHUNKS; chunk++) {
    const head = await source.read(at, 8);
    if (head.length < 8) break;
    const [length, type] = [head.readUInt32BE(0), head.toString('latin1', 4, 8)];
    if (type === 'IEND') break;
    if (type === 'tRNS') isTransparent = true;
    if (type === 'iCCP') hasProfile = true;
    if (type === 'acTL') {
      const body = await source.read(at + 8, 4);
      if (body.length === 4) frames = Math.min(MOST_CHUNKS, Math.max(1, body.readUInt32BE(0)));
    }
    if (type === 'eXIf') orientation = await exifOrientation(await source.read(at + 8, Math.min(length, MOST_EXIF)));
    at += 12 + length;
  }
  return { isTransparent, hasProfile, orientation, frames };
}
