import { crc32, deflateRawSync } from 'node:zlib';

/** A member of a handmade zip; fields that are not given get the correct value. */
export interface RawMember {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  readonly deflate?: boolean;
  /** Name in the local header, if it differs. */
  readonly localName?: string;
  readonly flags?: number;
  readonly method?: number;
  /** Unix mode, file type included. */
  readonly mode?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly compressedSize?: number;
  readonly offset?: number;
  /** Writes sizes and offset as a 64-bit extra field. */
  readonly zip64?: boolean;
}

export interface RawZipOptions {
  /** Writes the 64-bit end records. */
  readonly zip64?: boolean;
  /** Number of entries in the end record. */
  readonly count?: number;
  readonly comment?: string;
}

const ALL32 = 0xffffffff;

/** Builds a zip byte by byte, so that a test can set every field. */
export function rawZip(members: readonly RawMember[], options: RawZipOptions = {}): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const { local, central } = encode(member, offset);
    locals.push(local);
    centrals.push(central);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const count = options.count ?? members.length;
  return Buffer.concat([...locals, directory, ends(count, directory.length, offset, options)]);
}

function encode(member: RawMember, at: number): { local: Buffer; central: Buffer } {
  const name = typeof member.name === 'string' ? Buffer.from(member.name) : member.name;
  const localName = member.localName === undefined ? name : Buffer.from(member.localName);
  const content = Buffer.from(member.content ?? '');
  const data = member.deflate ? deflateRawSync(content) : content;
  const method = member.method ?? (member.deflate ? 8 : 0);
  const size = member.size ?? content.length;
  const compressedSize = member.compressedSize ?? data.length;
  const offset = member.offset ?? at;
  const extra = member.zip64 ? zip64Extra(size, compressedSize, offset) : Buffer.alloc(0);

  const common = Buffer.alloc(22);
  common.writeUInt16LE(member.flags ?? 0x800, 0);
  common.writeUInt16LE(method, 2);
  common.writeUInt32LE(member.crc ?? crc32(content), 8);
  common.writeUInt32LE(member.zip64 ? ALL32 : compressedSize, 12);
  common.writeUInt32LE(member.zip64 ? ALL32 : size, 16);

  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(45, 4);
  common.copy(local, 6, 0, 20);
  local.writeUInt16LE(localName.length, 26);

  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt16LE((3 << 8) | 45, 4);
  central.writeUInt16LE(45, 6);
  common.copy(central, 8, 0, 20);
  central.writeUInt16LE(name.length, 28);
  central.writeUInt16LE(extra.length, 30);
  central.writeUInt32LE(((member.mode ?? 0o100644) << 16) >>> 0, 38);
  central.writeUInt32LE(member.zip64 ? ALL32 : offset, 42);
  return { local: Buffer.concat([local, localName, data]), central: Buffer.concat([central, name, extra]) };
}

function zip64Extra(size: number, compressedSize: number, offset: number): Buffer {
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(BigInt(size), 4);
  extra.writeBigUInt64LE(BigInt(compressedSize), 12);
  extra.writeBigUInt64LE(BigInt(offset), 20);
  return extra;
}

function ends(
  count: number,
  directorySize: number,
  directoryAt: number,
  { zip64, comment = '' }: RawZipOptions,
): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : count, 8);
  end.writeUInt16LE(zip64 ? 0xffff : count, 10);
  end.writeUInt32LE(zip64 ? ALL32 : directorySize, 12);
  end.writeUInt32LE(zip64 ? ALL32 : directoryAt, 16);
  end.writeUInt16LE(Buffer.byteLength(comment), 20);
  if (!zip64) return Buffer.concat([end, Buffer.from(comment)]);

  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(44n, 4);
  end64.writeBigUInt64LE(BigInt(count), 24);
  end64.writeBigUInt64LE(BigInt(count), 32);
  end64.writeBigUInt64LE(BigInt(directorySize), 40);
  end64.writeBigUInt64LE(BigInt(directoryAt), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(directoryAt + directorySize), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([end64, locator, end, Buffer.from(comment)]);
}
