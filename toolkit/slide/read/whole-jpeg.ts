const START = Buffer.from([0xff, 0xd8]);
const MARKER = 0xff;
const SCAN = 0xda;
const FIRST_APPLICATION = 0xe0;
const LAST_APPLICATION = 0xef;
/** An Adobe segment that declares the three components to be RGB, not YCbCr. */
const RGB_MARKER = Buffer.from('ffee000e41646f626500640000000000', 'hex');

/**
 * Makes a complete JPEG from a tile of a TIFF: adds the tables that all tiles share and, for RGB, an Adobe segment.
 * Without it, decoders treat three components as YCbCr, even if the TIFF's photometric interpretation is RGB (as in
 * Aperio files).
 *
 * @param tile - Bytes of the tile: a JPEG, with or without tables.
 * @param tables - Value of tag 347: a JPEG with nothing but tables.
 */
export function wholeJpeg(tile: Buffer, tables: Buffer | undefined, isRgb: boolean): Buffer {
  if (tables === undefined && !isRgb) return tile;
  const shared = tables === undefined ? [] : [tables.subarray(2, endOfTables(tables))];
  return Buffer.concat([
    START,
    ...(isRgb ? [RGB_MARKER] : []),
    ...shared,
    isRgb ? withoutColours(tile) : tile.subarray(2),
  ]);
}

/** Returns the offset of the end-of-image marker of the tables. */
function endOfTables(tables: Buffer): number {
  const isEnded = tables.length >= 2 && tables.readUInt16BE(tables.length - 2) === 0xffd9;
  return isEnded ? tables.length - 2 : tables.length;
}

/** Returns a JPEG without its start marker and its application segments, some of which declare its colours. */
function withoutColours(jpeg: Buffer): Buffer {
  const kept: Buffer[] = [];
  let at = 2;
  while (at + 4 <= jpeg.length && jpeg[at] === MARKER) {
    const marker = jpeg[at + 1] ?? 0;
    if (marker === SCAN) break;
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    const isApplication = marker >= FIRST_APPLICATION && marker <= LAST_APPLICATION;
    if (!isApplication) kept.push(jpeg.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...kept, jpeg.subarray(at)]);
}
