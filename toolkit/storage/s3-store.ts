import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { type StoragePlace, storagePlace } from '../../config/schema.ts';
import { ReigniteError } from '../errors.ts';
import { putInParts } from './multipart.ts';
import {
  type FileToStore,
  type MovedBytes,
  type ObjectSource,
  type ObjectStore,
  type StorageRetries,
  statusOf,
  USUAL_RETRIES,
  withRetries,
} from './object-store.ts';

const CONNECT_MS = 10_000;
/** Time without data after which a connection is closed, ms. */
const SILENT_MS = 30_000;

const ignore = () => undefined;
const SILENT = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Memory that an upload uses, unless the file would have more than 10,000 parts. */
const PART_BYTES = 16 * 2 ** 20;
/** Files with fewer parts are sent in one request. */
const FEWEST_PARTS = 4;
/** How often an upload of a file is started again after other machines ended it. */
const MAX_UPLOADS = 5;

const NOT_THERE = 404;
const ALREADY_THERE = 412;

export interface S3StoreOptions {
  /** @default half a minute */
  readonly retries?: StorageRetries;
  /** Files larger than four parts are uploaded in parts of this size. @default 16 MiB */
  readonly partBytes?: number;
  /** For tests: endpoint, region and credentials. Otherwise they come from the AWS variables and files. */
  readonly client?: Pick<S3ClientConfig, 'endpoint' | 'region' | 'credentials'>;
}

/**
 * Opens object storage. Sends no request yet.
 *
 * @param address - `s3://bucket/prefix`.
 * @example
 * const store = openS3Store('s3://lab/reignite');
 * await store.writeOnce('hello.txt', 'Hello');
 */
export function openS3Store(
  address: string,
  { retries = USUAL_RETRIES, partBytes = PART_BYTES, client = {} }: S3StoreOptions = {},
): ObjectStore {
  // The warning is about later versions than the pinned one, and every worker on Node 20 would print it.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const s3 = new S3Client({
    ...settingsOf(process.env),
    ...client,
    // `withRetries` retries instead: the SDK cannot send a file stream twice.
    maxAttempts: 1,
    // The SDK warns of every stream that it cannot resend; `withRetries` resends them.
    logger: SILENT,
    // Supported by all servers, including AWS.
    forcePathStyle: true,
    // Older servers do not support request checksums; contents are verified by their SHA-256 when read.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENT_MS },
  });
  return new S3Store(s3, storagePlace(address), retries, partBytes);
}

/** Self-hosted servers have no region and accept any. */
function settingsOf(environment: NodeJS.ProcessEnv): Pick<S3ClientConfig, 'region'> {
  const hasEndpoint = environment['AWS_ENDPOINT_URL_S3'] || environment['AWS_ENDPOINT_URL'];
  const hasRegion = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'];
  return hasEndpoint && !hasRegion ? { region: 'us-east-1' } : {};
}

class S3Store implements ObjectStore {
  readonly name: string;
  readonly #s3: S3Client;
  readonly #place: StoragePlace;
  readonly #retries: StorageRetries;
  readonly #partBytes: number;
  readonly #moved = { sent: 0, received: 0, requests: 0 };

  constructor(s3: S3Client, place: StoragePlace, retries: StorageRetries, partBytes: number) {
    this.#s3 = s3;
    this.#place = place;
    this.#retries = retries;
    this.#partBytes = partBytes;
    this.name = `s3://${place.bucket}/${place.prefix}`;
  }

  get moved(): MovedBytes {
    return { ...this.#moved };
  }

  readText(key: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#ask('read', key, signal, () =>
      unlessMissing(async () => {
        const { Body } = await this.#s3.send(new GetObjectCommand(this.#at(key)), { ...abortOf(signal) });
        const text = (await Body?.transformToString('utf8')) ?? '';
        this.#moved.received += Buffer.byteLength(text);
        return text;
      }),
    );
  }

  readToFile(key: string, path: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#ask('read', key, signal, () =>
      unlessMissing(async () => {
        const answer = await this.#s3.send(new GetObjectCommand(this.#at(key)), { ...abortOf(signal) });
        const body = answer.Body instanceof Readable ? answer.Body : Readable.from([]);
        const { sha256, bytes } = await writeHashed(body, path);
        this.#moved.received += bytes;
        if (answer.ContentLength !== undefined && bytes !== answer.ContentLength) {
          throw new Error(`Cut after ${bytes} of ${answer.ContentLength} bytes`);
        }
        return sha256;
      }),
    );
  }

  sizeOf(key: string, signal?: AbortSignal): Promise<number | undefined> {
    return this.#ask('look for', key, signal, () =>
      unlessMissing(async () => {
        const { ContentLength } = await this.#s3.send(new HeadObjectCommand(this.#at(key)), { ...abortOf(signal) });
        return ContentLength ?? 0;
      }),
    );
  }

  async write(key: string, source: ObjectSource, signal?: AbortSignal): Promise<void> {
    await this.#ask('write', key, signal, () => this.#put(key, source, {}, signal));
  }

  /** If the answer is lost and the request is repeated, it finds its own object: this counts as not written. */
  writeOnce(key: string, source: ObjectSource, signal?: AbortSignal): Promise<boolean> {
    if (typeof source !== 'string' && source.bytes > FEWEST_PARTS * this.#partBytes) {
      return this.#writeInParts(key, source, signal);
    }
    return this.#ask('write', key, signal, async () => {
      try {
        await this.#put(key, source, { IfNoneMatch: '*' }, signal);
        return true;
      } catch (error) {
        if (statusOf(error) === ALREADY_THERE) return false;
        throw error;
      }
    });
  }

  async #writeInParts(key: string, source: FileToStore, signal: AbortSignal | undefined): Promise<boolean> {
    const options = {
      partBytes: this.#partBytes,
      ask: <Result>(request: () => Promise<Result>) => this.#ask('write', key, signal, request),
      onSent: (bytes: number) => {
        this.#moved.sent += bytes;
      },
      signal,
    };
    for (let upload = 1; upload <= MAX_UPLOADS; upload++) {
      if ((await this.sizeOf(key, signal)) !== undefined) return false;
      const outcome = await putInParts(this.#s3, this.#at(key), source, options);
      if (outcome === 'written') return true;
    }
    const message = `Could not write ${this.name}${key}: ${MAX_UPLOADS} uploads were ended by others.`;
    throw new ReigniteError('STORAGE_UNAVAILABLE', message);
  }

  async remove(key: string, signal?: AbortSignal): Promise<void> {
    await this.#ask('remove', key, signal, () =>
      unlessMissing(() => this.#s3.send(new DeleteObjectCommand(this.#at(key)), { ...abortOf(signal) })),
    );
  }

  async #put(
    key: string,
    source: ObjectSource,
    condition: { IfNoneMatch?: string },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const body = bodyOf(source);
    try {
      const command = new PutObjectCommand({ ...this.#at(key), ...condition, ...body });
      await this.#s3.send(command, { ...abortOf(signal) });
      this.#moved.sent += body.ContentLength;
    } finally {
      if (body.Body instanceof Readable) body.Body.destroy();
    }
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#place.bucket, Key: this.#place.prefix + key };
  }

  #ask<Result>(
    verb: string,
    key: string,
    signal: AbortSignal | undefined,
    ask: () => Promise<Result>,
  ): Promise<Result> {
    return withRetries(`Could not ${verb} ${this.name}${key}`, this.#retries, signal, () => {
      this.#moved.requests += 1;
      return ask();
    });
  }
}

function bodyOf(source: ObjectSource): { Body: Readable | string; ContentLength: number; ChecksumSHA256?: string } {
  if (typeof source === 'string') return { Body: source, ContentLength: Buffer.byteLength(source) };
  const { path, bytes, sha256 } = source;
  return { Body: createReadStream(path), ContentLength: bytes, ChecksumSHA256: base64Of(sha256) };
}

/** Encodes a digest for the checksum header: servers that support it reject damaged content. */
function base64Of(sha256: FileToStore['sha256']): string {
  return Buffer.from(sha256, 'hex').toString('base64');
}

async function unlessMissing<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (statusOf(error) === NOT_THERE && Object(error).name !== 'NoSuchBucket') return undefined;
    throw error;
  }
}

async function writeHashed(body: Readable, path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      bytes += chunk.length;
      next(null, chunk);
    },
  });
  await pipeline(body, counting, createWriteStream(path));
  return { sha256: hash.digest('hex'), bytes };
}

function abortOf(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
