import { exifOrientation, REMEDIES, type ReadHeader, refused } from './image-header.ts';
import type { ByteSource } from './tiff-directory.ts';

const START_OF_SCAN = 0xda;
const APP1 = 0xe1;
const APP2 = 0xe2;
const EXIF = 'Exif\0\0';
const PROFILE = 'ICC_PROFILE\0';
/** Baseline, extended and progressive with Huffman coding. */
const READABLE: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2]);
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
  if (!READABLE.has(marker)) {
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
