import { createRequire } from 'node:module';
import { z } from 'zod';
import type { PieceSize, TileSamples } from './tile-codec.ts';

/** The part of the decoder that is used; the package has no types for Node. */
interface Decoder {
  getEncodedBuffer(length: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): unknown;
  delete(): void;
}

interface OpenJpeg {
  readonly J2KDecoder: new () => Decoder;
}

const FrameInfo = z.object({
  width: z.int(),
  height: z.int(),
  bitsPerSample: z.int(),
  componentCount: z.int(),
});

/** RGB and alpha. */
const MAX_COMPONENTS = 4;

let loading: Promise<OpenJpeg> | undefined;

/**
 * Decodes a JPEG 2000 codestream with OpenJPEG in WebAssembly.
 *
 * @param size - px of the tile; a codestream of another size is damaged.
 * @param isYCbCr - Whether the file says that the three components are YCbCr, as in some Aperio files. Ignored for a
 *   codestream with its own colour transform, which is RGB after decoding.
 * @throws Error for a damaged codestream, or one that does not have 8 bits per sample.
 */
export async function decodeJpeg2000(bytes: Buffer, size: PieceSize, isYCbCr: boolean): Promise<TileSamples> {
  const header = codestreamHeader(bytes);
  if (header === undefined) throw new RangeError('it holds no JPEG 2000 codestream');
  const isWithin = (length: number, most: number) => length >= 1 && length <= most;
  if (!isWithin(header.width, size.width) || !isWithin(header.height, size.height)) {
    throw new RangeError(`its codestream is ${header.width} x ${header.height} px`);
  }
  if (!isWithin(header.components, MAX_COMPONENTS)) {
    throw new RangeError(`its codestream has ${header.components} components; 1 to ${MAX_COMPONENTS} are read`);
  }
  loading ??= load();
  const { J2KDecoder } = await loading;
  const decoder = new J2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { width, height, bitsPerSample, componentCount } = FrameInfo.parse(decoder.getFrameInfo());
    if (bitsPerSample !== 8) throw new RangeError(`its JPEG 2000 samples have ${bitsPerSample} bits instead of 8`);
    const data = Uint8Array.from(decoder.getDecodedBuffer());
    if (isYCbCr && componentCount === 3 && !header.hasColourTransform) yCbCrToRgb(data);
    return { width, height, channels: componentCount, data };
  } finally {
    decoder.delete();
  }
}

async function load(): Promise<OpenJpeg> {
  const factory: unknown = createRequire(import.meta.url)('@cornerstonejs/codec-openjpeg/decodewasmjs');
  // The decoder prints its version, which does not belong in the output of commands.
  const quiet = { print: () => undefined, printErr: () => undefined };
  if (typeof factory === 'function') {
    const module: unknown = await factory(quiet);
    if (isOpenJpeg(module)) return module;
  }
  throw new Error('the JPEG 2000 decoder did not load');
}

function isOpenJpeg(module: unknown): module is OpenJpeg {
  return typeof module === 'object' && module !== null && 'J2KDecoder' in module;
}

/** Converts full-range YCbCr (JFIF) to RGB in place. */
function yCbCrToRgb(data: Uint8Array): void {
  for (let at = 0; at < data.length; at += 3) {
    const [y = 0, cb = 0, cr = 0] = data.subarray(at, at + 3);
    data[at] = clamped(y + 1.402 * (cr - 128));
    data[at + 1] = clamped(y - 0.344_136 * (cb - 128) - 0.714_136 * (cr - 128));
    data[at + 2] = clamped(y + 1.772 * (cb - 128));
  }
}

function clamped(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}

/** Main header of a JPEG 2000 codestream. */
interface CodestreamHeader {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  readonly components: number;
  /** Whether some components have fewer samples than others. */
  readonly isSubsampled: boolean;
  /** Whether the decoder turns the first three components into RGB. */
  readonly hasColourTransform: boolean;
}

/** The markers SOC and SIZ, which always follow each other. */
const START = Buffer.from('ff4fff51', 'hex');
/** The first box of a JP2 file, and the type of the one with the codestream. */
const SIGNATURE = Buffer.from('0000000c6a5020200d0a870a', 'hex');
const CODESTREAM = Buffer.from('jp2c');
const CODING = 0xff52;
const TILE = 0xff90;
/** Bytes from the start to the list of components. */
const SIZE_BYTES = 42;
const COMPONENT_BYTES = 3;
/** Bytes of a box header: length and type, plus 8 for a length that does not fit into 32 bits. */
const BOX_HEADER = 8;
const LONG_BOX_HEADER = 16;

/**
 * Reads the main header of a codestream.
 *
 * @param bytes - The codestream or a JP2 file, or its first kilobytes.
 * @returns Undefined if there is no codestream.
 * @see ISO/IEC 15444-1, annexes A and I
 */
export function codestreamHeader(bytes: Buffer): CodestreamHeader | undefined {
  const start = startOf(bytes);
  if (start === undefined || bytes.length < start + SIZE_BYTES) return undefined;
  const [right, bottom, left, top] = [8, 12, 16, 20].map((at) => bytes.readUInt32BE(start + at));
  const components = bytes.readUInt16BE(start + 40);
  const first = start + SIZE_BYTES;
  if (bytes.length < first + COMPONENT_BYTES * components) return undefined;
  const steps = Array.from({ length: components }, (_, of) => bytes.readUInt16BE(first + COMPONENT_BYTES * of + 1));
  return {
    width: (right ?? 0) - (left ?? 0),
    height: (bottom ?? 0) - (top ?? 0),
    components,
    isSubsampled: steps.some((step) => step !== 0x0101),
    hasColourTransform: hasTransform(bytes, start + 2),
  };
}

/** Finds where the codestream starts. Walks the boxes, because the marker bytes may also occur inside another box. */
function startOf(bytes: Buffer): number | undefined {
  const isJp2 = bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE);
  const start = isJp2 ? startInBoxes(bytes) : 0;
  return start !== undefined && bytes.subarray(start, start + START.length).equals(START) ? start : undefined;
}

function startInBoxes(bytes: Buffer): number | undefined {
  for (let at = 0; at + LONG_BOX_HEADER <= bytes.length; ) {
    const short = bytes.readUInt32BE(at);
    const header = short === 1 ? LONG_BOX_HEADER : BOX_HEADER;
    if (bytes.subarray(at + 4, at + 8).equals(CODESTREAM)) return at + header;
    const length = short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short;
    // A length of 0 means that the box extends to the end of the file.
    if (length < header) return undefined;
    at += length;
  }
  return undefined;
}

/** Looks for the coding style among the marker segments before the first tile. */
function hasTransform(bytes: Buffer, from: number): boolean {
  for (let at = from; at + 9 <= bytes.length; at += 2 + Math.max(2, bytes.readUInt16BE(at + 2))) {
    const marker = bytes.readUInt16BE(at);
    if (marker === CODING) return bytes.readUInt8(at + 8) === 1;
    if (marker === TILE) return false;
  }
  return false;
}
