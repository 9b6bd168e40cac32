import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { withStallLimit } from '../../../toolkit/concurrency.ts';
import { discard, httpGet } from '../../../toolkit/zenodo/http/http.ts';
import type { TemporalBuild } from './binary-cache.ts';

interface DownloadOptions {
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Far more than any expected answer. */
const JSON_LIMIT_BYTES = 16 << 20;

/** Reads a JSON document, through the proxy that the environment names, if any. */
export async function getJson(url: string, options: DownloadOptions): Promise<unknown> {
  const chunks: Buffer[] = [];
  await readBody(url, options, async (body) => {
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > JSON_LIMIT_BYTES) throw new Error(`${url} sends too many bytes`);
      chunks.push(chunk);
    }
  });
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/** Downloads a URL to a new file, through the proxy that the environment names, if any. */
export async function downloadTo(path: string, url: string, options: DownloadOptions): Promise<void> {
  await readBody(url, options, (body) => pipeline(body, createWriteStream(path, { flags: 'wx' })));
}

async function readBody(
  url: string,
  { stallMs, signal, headers }: DownloadOptions,
  read: (body: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  await withStallLimit(stallMs, signal, async (limited, alive) => {
    const reply = await httpGet({ url, headers, signal: limited, stallMs });
    if (reply.status !== 200) {
      discard(reply);
      throw new Error(`${url} answered with HTTP status ${reply.status}`);
    }
    await read(watched(reply.body, alive));
  });
}

async function* watched(body: AsyncIterable<Buffer>, alive: () => void): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    alive();
    yield chunk;
  }
}

export interface FetchOptions {
  readonly build: TemporalBuild;
  /** An empty folder to work in, on the file system of the cache. */
  readonly folder: string;
  /** Time without data after which the download fails, ms. */
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A way to get the Temporal CLI over the network. */
export interface FetchWay {
  /** As in "fetched from ...". */
  readonly name: string;
  /**
   * @returns Path of the executable, verified, in `folder`.
   * @throws Error that says in a few words why this way failed.
   */
  readonly fetch: (options: FetchOptions) => Promise<string>;
}
