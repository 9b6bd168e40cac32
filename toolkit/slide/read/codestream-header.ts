/** Main header of a JPEG 2000 codestream. */
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
