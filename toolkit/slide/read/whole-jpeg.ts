const START = Buffer.from([0xff, 0xd8]);
const MARKER = 0xff;
const SCAN = 0xda;
const FIRST_APPLICATION = 0xe0;
const LAST_APPLICATION = 0xef;
/** An Adobe segment that says: the three components are RGB, not YCbCr. */
const RGB_MARKER = Buffer.from('ffee000e41646f626500640000000000', 'hex');

/**
 * Makes a whole JPEG of a tile of a TIFF: with the tables that all tiles share, and with its colours said where the TIFF
 * says them. Decoders take three components for YCbCr unless a segment of Adobe says otherwise, also where the TIFF's
 * photometric interpretation is RGB (as Aperio writes it).
 *
 * @param tile - The tile's bytes: a JPEG, with or without tables.
 * @param tables - Tag 347: a JPEG of tables alone.
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

/** Where the end-of-image marker of the tables is. */
function endOfTables(tables: Buffer): number {
  const isEnded = tables.length >= 2 && tables.readUInt16BE(tables.length - 2) === 0xffd9;
  return isEnded ? tables.length - 2 : tables.length;
}

/** A JPEG after its start marker without application segments, some of which say what its colours are. */
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
