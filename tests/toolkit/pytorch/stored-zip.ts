import { crc32 } from 'node:zlib';
import { bytes, little } from './helpers.ts';

/** An entry of a test's zip; what is given replaces what would be true. */
export interface StoredEntry {
  readonly name: string;
  readonly content: Uint8Array | string;
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
  /** Size in the central directory. */
  readonly size?: number;
  /** Name in the local header. */
  readonly localName?: string;
}

/** A zip of stored entries, simple enough to set every field. */
export function storedZip(entries: readonly StoredEntry[]): Uint8Array<ArrayBuffer> {
  const locals: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const entry of entries) {
    const content = bytes(entry.content);
    const size = little(entry.size ?? content.byteLength, 4);
    const common = bytes(
      little(20, 2),
      little(entry.flags ?? 0, 2),
      little(entry.method ?? 0, 2),
      little(0, 4),
      little(entry.crc ?? crc32(content), 4),
      size,
      size,
    );
    const localName = entry.localName ?? entry.name;
    const local = bytes('PK\x03\x04', common, little(localName.length, 2), little(0, 2), localName, content);
    const rest = bytes(little(0, 4), little(0, 4), little(0, 4), little(offset, 4));
    central.push(bytes('PK\x01\x02', little(20, 2), common, little(entry.name.length, 2), rest, entry.name));
    locals.push(local);
    offset += local.byteLength;
  }
  const directory = bytes(...central);
  const count = little(entries.length, 2);
  const end = bytes(little(0, 4), count, count, little(directory.byteLength, 4), little(offset, 4), little(0, 2));
  return bytes(...locals, directory, 'PK\x05\x06', end);
}
