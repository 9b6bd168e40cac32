import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type ListPartsCommandOutput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { ReigniteError } from '../errors.ts';
import { type FileToStore, statusOf } from './object-store.ts';

/** Listing is forbidden, or not supported: some servers other than Amazon's lack it. */
const CANNOT_LIST: ReadonlySet<number | undefined> = new Set([403, 405, 501]);
const ALREADY_THERE = 412;
/** How often completing an upload is attempted while other machines replace its parts. */
const MAX_COMPLETIONS = 3;
/** Limit of S3 for one upload. */
const MAX_PARTS = 10_000;
const MEBIBYTE = 2 ** 20;

/** The object to write. */
interface Target {
  readonly Bucket: string;
  readonly Key: string;
}

export interface MultipartOptions {
  /** Size of a part; parts are larger if a file would have more than 10,000. */
  readonly partBytes: number;
  /** Makes a request, and retries it after transient errors. */
  readonly ask: <Result>(request: () => Promise<Result>) => Promise<Result>;
  readonly onSent: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** `gone`: another machine completed or aborted the upload, or the answer to its completion was lost. */
export type MultipartOutcome = 'written' | 'already there' | 'gone';

/**
 * Uploads a large file in parts, unless the object exists. Any machine can resume an interrupted upload: parts that the
 * server already has, with the same content, are not sent again.
 *
 * @throws ReigniteError FILE_DAMAGED if the file changed during the upload; what `ask` throws.
 * @see Amazon S3 User Guide, "Uploading and copying objects using multipart upload"
 */
export async function putInParts(
  s3: S3Client,
  target: Target,
  source: FileToStore,
  options: MultipartOptions,
): Promise<MultipartOutcome> {
  const { ask, signal } = options;
  const abort = signal === undefined ? {} : { abortSignal: signal };
  const upload = { ...target, UploadId: await ask(() => openUpload(s3, target, abort)) };
  let parts = await sendParts(s3, upload, source, options);
  for (let completion = 1; completion <= MAX_COMPLETIONS && parts !== 'gone'; completion++) {
    const named: readonly Part[] = parts;
    const outcome = await ask(() => complete(s3, upload, named, abort));
    if (outcome === 'already there') await ask(() => abandon(s3, upload, abort));
    if (outcome !== 'parts replaced') return outcome;
    parts = await ask(() => partsAgain(s3, upload, named, abort));
  }
  return 'gone';
}

/**
 * Chooses the part size of a file: the usual one, unless it would give more parts than S3 allows.
 *
 * @param bytes - Size of the file.
 * @param usual - The usual part size in bytes.
 * @returns Bytes. The same on every machine, so that one can resume the upload of another.
 * @example partSize(320 * 2 ** 30, 16 * 2 ** 20); // 33 MiB
 * @see Amazon S3 User Guide, "Amazon S3 multipart upload limits"
 */
export function partSize(bytes: number, usual: number): number {
  if (bytes <= MAX_PARTS * usual) return usual;
  return Math.ceil(bytes / MAX_PARTS / MEBIBYTE) * MEBIBYTE;
}

type Part = { readonly PartNumber: number; readonly ETag: string | undefined; readonly bytes: number };

async function sendParts(
  s3: S3Client,
  upload: Upload,
  { path, bytes, sha256 }: FileToStore,
  { ask, onSent, signal, ...options }: MultipartOptions,
): Promise<Part[] | 'gone'> {
  const abort = signal === undefined ? {} : { abortSignal: signal };
  const present = await ask(() => partsOf(s3, upload, abort));
  if (present === 'gone') return 'gone';
  const partBytes = partSize(bytes, options.partBytes);
  const file = await open(path);
  try {
    const parts: Part[] = [];
    const hash = createHash('sha256');
    for (let start = 0; start < bytes; start += partBytes) {
      const PartNumber = parts.length + 1;
      const Body = await readPart(file, start, Math.min(partBytes, bytes - start));
      if (Body === undefined) throw changed(path);
      hash.update(Body);
      let ETag = present.get(PartNumber)?.ETag;
      if (ETag !== quotedMd5(Body)) {
        const command = { ...upload, PartNumber, Body, ContentLength: Body.length };
        const answer = await ask(() => unlessGone(() => s3.send(new UploadPartCommand(command), abort)));
        if (answer === undefined) return 'gone';
        onSent(Body.length);
        ETag = answer.ETag;
      }
      parts.push({ PartNumber, ETag, bytes: Body.length });
    }
    // The server verifies at most the MD5 of each part, which is computed from what was read.
    if (hash.digest('hex') !== sha256) throw changed(path);
    return parts;
  } finally {
    await file.close();
  }
}

async function complete(
  s3: S3Client,
  upload: Upload,
  parts: readonly Part[],
  abort: Abort,
): Promise<MultipartOutcome | 'parts replaced'> {
  const Parts = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
  const request = { ...upload, MultipartUpload: { Parts }, IfNoneMatch: '*' };
  try {
    return (await unlessGone(() => s3.send(new CompleteMultipartUploadCommand(request), abort))) ? 'written' : 'gone';
  } catch (error) {
    if (statusOf(error) === ALREADY_THERE) return 'already there';
    if (Object(error).name === 'InvalidPart') return 'parts replaced';
    throw error;
  }
}

/**
 * Lists the parts by their current ETags. Another machine that uploads the same content may have sent parts again, and
 * ETags that are not derived from the content have then changed.
 *
 * @returns `gone` if parts are missing, or if the server does not list them.
 */
async function partsAgain(
  s3: S3Client,
  upload: Upload,
  parts: readonly Part[],
  abort: Abort,
): Promise<Part[] | 'gone'> {
  const present = await partsOf(s3, upload, abort);
  if (present === 'gone') return 'gone';
  const found = parts.flatMap(({ PartNumber, bytes }) => {
    const part = present.get(PartNumber);
    return part?.bytes === bytes ? [{ PartNumber, ETag: part.ETag, bytes }] : [];
  });
  return found.length === parts.length ? found : 'gone';
}

async function abandon(s3: S3Client, upload: Upload, abort: Abort): Promise<void> {
  await unlessGone(() => s3.send(new AbortMultipartUploadCommand(upload), abort));
}

/** Returns undefined if the upload was completed or aborted. */
async function unlessGone<Result>(request: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await request();
  } catch (error) {
    if (Object(error).name === 'NoSuchUpload') return undefined;
    throw error;
  }
}

type Abort = { readonly abortSignal?: AbortSignal };
type Upload = Target & { readonly UploadId: string | undefined };

/** Returns the open upload of this object, or starts a new one. */
async function openUpload(s3: S3Client, target: Target, abort: Abort): Promise<string | undefined> {
  const open = await uploadsOf(s3, target, abort);
  if (open[0] !== undefined) return open[0];
  return (await s3.send(new CreateMultipartUploadCommand(target), abort)).UploadId;
}

async function uploadsOf(s3: S3Client, { Bucket, Key }: Target, abort: Abort): Promise<string[]> {
  const list = new ListMultipartUploadsCommand({ Bucket, Prefix: Key });
  const uploads = (await unlessRefused(() => s3.send(list, abort)))?.Uploads ?? [];
  return uploads.flatMap((each) => (each.Key === Key && each.UploadId !== undefined ? [each.UploadId] : []));
}

/** Returns undefined if uploads cannot be listed: the file is then sent from its start. */
async function unlessRefused<Result>(list: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await list();
  } catch (error) {
    if (CANNOT_LIST.has(statusOf(error))) return undefined;
    throw error;
  }
}

type PresentPart = { readonly ETag: string; readonly bytes: number | undefined };

/** Returns the parts that the server has, by number. */
async function partsOf(s3: S3Client, upload: Upload, abort: Abort): Promise<ReadonlyMap<number, PresentPart> | 'gone'> {
  const found = new Map<number, PresentPart>();
  let marker: string | undefined;
  do {
    const page = { ...upload, ...(marker === undefined ? {} : { PartNumberMarker: marker }) };
    const list = new ListPartsCommand(page);
    const answer = await unlessGone(async () => (await unlessRefused(() => s3.send(list, abort))) ?? {});
    if (answer === undefined) return 'gone';
    const { Parts, IsTruncated, NextPartNumberMarker }: Partial<ListPartsCommandOutput> = answer;
    for (const { PartNumber, ETag, Size } of Parts ?? []) {
      if (PartNumber !== undefined && ETag !== undefined) found.set(PartNumber, { ETag, bytes: Size });
    }
    marker = IsTruncated === true ? NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return found;
}

/** Returns undefined if the file ends earlier. */
async function readPart(file: FileHandle, start: number, length: number): Promise<Buffer | undefined> {
  const body = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(body, filled, length - filled, start + filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  return body;
}

function changed(path: string): ReigniteError {
  return new ReigniteError('FILE_DAMAGED', `${path} was changed while it was stored.`, {
    remedy: 'Run the same command again, and let no other program write to the file meanwhile.',
    retryable: true,
  });
}

/** Returns the ETag that S3 gives a part. With encryption by custom keys it differs, and such parts are sent again. */
function quotedMd5(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}
