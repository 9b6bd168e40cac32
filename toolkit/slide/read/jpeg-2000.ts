import { createRequire } from 'node:module';
import { z } from 'zod';
import { codestreamHeader } from './codestream-header.ts';
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
