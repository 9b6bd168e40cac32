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
import type { FileToStore } from './object-store.ts';
import { statusOf } from './with-retries.ts';

const REFUSED = 403;
const ALREADY_THERE = 412;

/** The object that is written. */
interface Target {
  readonly Bucket: string;
  readonly Key: string;
}

export interface MultipartOptions {
  readonly partBytes: number;
  /** Makes one request, again where it fails for a while. */
  readonly ask: <Result>(request: () => Promise<Result>) => Promise<Result>;
  readonly onSent: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** `gone`: the upload was completed or given up by another machine, or the answer to its completion was lost. */
export type MultipartOutcome = 'written' | 'already there' | 'gone';

/**
 * Uploads a large file in parts, unless there is an object. An upload that was interrupted is resumed, by any machine:
 * the parts that the server has, with the content of the file, are not sent again.
 *
 * Source: Amazon S3 User Guide, "Uploading and copying objects using multipart upload".
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
  const parts = await sendParts(s3, upload, source, options);
  if (parts === 'gone') return 'gone';
  const outcome = await ask(() => complete(s3, upload, parts, abort));
  if (outcome === 'already there') await ask(() => abandon(s3, upload, abort));
  return outcome;
}

type Part = { readonly PartNumber: number; readonly ETag: string | undefined };

async function sendParts(
  s3: S3Client,
  upload: Upload,
  { path, bytes }: FileToStore,
  { ask, onSent, partBytes, signal }: MultipartOptions,
): Promise<Part[] | 'gone'> {
  const abort = signal === undefined ? {} : { abortSignal: signal };
  const present = await ask(() => partsOf(s3, upload, abort));
  if (present === 'gone') return 'gone';
  const file = await open(path);
  try {
    const parts: Part[] = [];
    for (let start = 0; start < bytes; start += partBytes) {
      const PartNumber = parts.length + 1;
      const Body = await readPart(file, start, Math.min(partBytes, bytes - start));
      let ETag = present.get(PartNumber);
      if (ETag !== quotedMd5(Body)) {
        const command = { ...upload, PartNumber, Body, ContentLength: Body.length };
        const answer = await ask(() => unlessGone(() => s3.send(new UploadPartCommand(command), abort)));
        if (answer === undefined) return 'gone';
        onSent(Body.length);
        ETag = answer.ETag;
      }
      parts.push({ PartNumber, ETag });
    }
    return parts;
  } finally {
    await file.close();
  }
}

async function complete(s3: S3Client, upload: Upload, parts: readonly Part[], abort: Abort): Promise<MultipartOutcome> {
  const request = { ...upload, MultipartUpload: { Parts: [...parts] }, IfNoneMatch: '*' };
  try {
    return (await unlessGone(() => s3.send(new CompleteMultipartUploadCommand(request), abort))) ? 'written' : 'gone';
  } catch (error) {
    if (statusOf(error) === ALREADY_THERE) return 'already there';
    throw error;
  }
}

async function abandon(s3: S3Client, upload: Upload, abort: Abort): Promise<void> {
  await unlessGone(() => s3.send(new AbortMultipartUploadCommand(upload), abort));
}

/** Undefined where the upload was completed or given up. */
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

/** The upload of this object that is open on the server, else a new one. */
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

/** Without permission to list, a file is sent from its start. */
async function unlessRefused<Result>(list: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await list();
  } catch (error) {
    if (statusOf(error) === REFUSED) return undefined;
    throw error;
  }
}

/** ETags by number. */
async function partsOf(s3: S3Client, upload: Upload, abort: Abort): Promise<ReadonlyMap<number, string> | 'gone'> {
  const found = new Map<number, string>();
  let marker: string | undefined;
  do {
    const page = { ...upload, ...(marker === undefined ? {} : { PartNumberMarker: marker }) };
    const list = new ListPartsCommand(page);
    const answer = await unlessGone(async () => (await unlessRefused(() => s3.send(list, abort))) ?? {});
    if (answer === undefined) return 'gone';
    const { Parts, IsTruncated, NextPartNumberMarker }: Partial<ListPartsCommandOutput> = answer;
    for (const { PartNumber, ETag } of Parts ?? []) {
      if (PartNumber !== undefined && ETag !== undefined) found.set(PartNumber, ETag);
    }
    marker = IsTruncated === true ? NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return found;
}

async function readPart(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const body = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(body, filled, length - filled, start + filled);
    if (bytesRead === 0) throw new Error(`The file ended ${length - filled} bytes early.`);
    filled += bytesRead;
  }
  return body;
}

/** What an S3 server names a part by, unless it encrypts with keys of its own: such parts are sent again. */
function quotedMd5(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}
