/** What the main header of a JPEG 2000 codestream says. */
export interface CodestreamHeader {
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

/** Start of codestream, then size: these follow each other always, also within the boxes of a JP2 file. */
const START = Buffer.from('ff4fff51', 'hex');
const CODING = 0xff52;
const TILE = 0xff90;
/** From the start on: bytes before the components. */
const SIZE_BYTES = 42;
const COMPONENT_BYTES = 3;

/**
 * Reads the main header of a codestream.
 *
 * @param bytes - The codestream, or its first kilobytes.
 * @returns Undefined where there is none.
 * @see ISO/IEC 15444-1, annex A
 */
export function codestreamHeader(bytes: Buffer): CodestreamHeader | undefined {
  const start = bytes.indexOf(START);
  if (start < 0 || bytes.length < start + SIZE_BYTES) return undefined;
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

/** Looks for the coding style among the marker segments before the first tile. */
function hasTransform(bytes: Buffer, from: number): boolean {
  for (let at = from; at + 9 <= bytes.length; at += 2 + Math.max(2, bytes.readUInt16BE(at + 2))) {
    const marker = bytes.readUInt16BE(at);
    if (marker === CODING) return bytes.readUInt8(at + 8) === 1;
    if (marker === TILE) return false;
  }
  return false;
}
