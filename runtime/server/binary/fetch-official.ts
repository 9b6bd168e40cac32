import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { TEMPORAL_VERSION } from './binary-cache.ts';
import { downloadTo, type FetchOptions, type FetchWay, getJson } from './download.ts';

const BLOCK = 512;

/**
 * Extracts one regular file of a .tar.gz to `target`, a new file. Names of more than 100 characters are not supported.
 *
 * @throws Error when the archive has no such member, or ends early.
 */
export async function extractTarMember(
  archive: string,
  member: string,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const source = pipeline(
    createReadStream(archive),
    createGunzip(),
    async (unpacked) => {
      const reader = new BlockReader(unpacked);
      const size = await findMember(reader, member);
      await pipeline(reader.take(size), createWriteStream(target, { flags: 'wx' }));
      // The rest of the archive is not needed, but must be read so that the streams end properly.
      for (;;) if ((await reader.next()) === undefined) return;
    },
    signal ? { signal } : {},
  );
  await source;
}

/** @returns The member's size in bytes; the reader is then at its first byte. */
async function findMember(reader: BlockReader, member: string): Promise<number> {
  for (;;) {
    const header = await reader.next();
    if (header === undefined || header.every((byte) => byte === 0)) break;
    const name = text(header, 0, 100).replace(/^\.\//, '');
    const size = Number.parseInt(text(header, 124, 12).trim(), 8) || 0;
    const type = text(header, 156, 1);
    if (name === member && (type === '0' || type === '')) return size;
    for (let skipped = 0; skipped < size; skipped += BLOCK) await reader.next();
  }
  throw new Error(`the archive has no ${member}`);
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? length : end);
}

/** Splits a stream into tar blocks. */
class BlockReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** @returns The next 512 bytes; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    while (this.#rest.length < BLOCK) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      this.#rest = Buffer.concat([this.#rest, value]);
    }
    const block = this.#rest.subarray(0, BLOCK);
    this.#rest = this.#rest.subarray(BLOCK);
    return block;
  }

  /** Yields the next `size` bytes, in pieces of many blocks. */
  async *take(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      const first = await this.next();
      if (first === undefined) throw new Error('the archive ends early');
      const more = this.#rest.subarray(0, Math.floor(this.#rest.length / BLOCK) * BLOCK);
      this.#rest = this.#rest.subarray(more.length);
      for (const piece of [first, more]) {
        const wanted = piece.subarray(0, left);
        left -= wanted.length;
        if (wanted.length > 0) yield wanted;
      }
    }
  }
}

const answerSchema = z.object({ archiveUrl: z.url(), fileToExtract: z.string().min(1) });

/**
 * Temporal's own download, requested as the SDK's testing package does (`ephemeral_server` of sdk-core). The SDK's
 * native code downloads and starts in one call, without Node's proxy certificates and without progress, so this uses
 * HTTPS directly. As with the SDK, only TLS authenticates the download.
 */
export const officialDownload: FetchWay = {
  name: 'temporal.download',
  fetch: async ({ build, folder, ...options }: FetchOptions) => {
    const { platform, arch } = build.official;
    const question = `https://temporal.download/cli/v${TEMPORAL_VERSION}?arch=${arch}&platform=${platform}&format=tar.gz`;
    const { archiveUrl, fileToExtract } = answerSchema.parse(await getJson(question, options));
    const archive = join(folder, 'temporal.tar.gz');
    await downloadTo(archive, archiveUrl, options);
    const executable = join(folder, 'temporal');
    await extractTarMember(archive, fileToExtract, executable, options.signal);
    return executable;
  },
};
