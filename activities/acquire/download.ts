import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { Receipts, type Verified } from '../../toolkit/cache/receipts.ts';
import {
  isArchive,
  KINDS,
  neededOfRecord,
  OVERVIEW_FILE,
  overviewFileIn,
  rootOfArchive,
} from '../../toolkit/dataset/layout.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { statIfThere } from '../../toolkit/files/file-access.ts';
import { type HomeFolders, inside } from '../../toolkit/files/folders.ts';
import { type DownloadedFile, downloadFile as transfer } from '../../toolkit/zenodo/download/download-file.ts';
import { fetchMembers, piecesPath } from '../../toolkit/zenodo/download/fetch-members.ts';
import { bytesOfPieces } from '../../toolkit/zenodo/download/fetch-pieces.ts';
import { partPath } from '../../toolkit/zenodo/download/part-file.ts';
import { RetryBudget } from '../../toolkit/zenodo/http/retry-budget.ts';
import { copyFromMirror, findInMirror } from '../../toolkit/zenodo/record/local-record.ts';
import type { ZenodoRecord } from '../../toolkit/zenodo/record/record.ts';
import { neededFiles, PUBLISHED_RESULTS, Selection } from '../../toolkit/zenodo/record/record-files.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { FetchRecordInput, FileInput, type RecordFile } from '../inputs.ts';
import type { RecordServers } from './record-servers.ts';
import { type Report, withRetryBudget, withTransferProgress } from './transfer.ts';

/** Services that the download activities share. */
export interface DownloadServices {
  readonly servers: RecordServers;
  readonly receipts: Receipts;
  readonly retryBudget: RetryBudget;
}

/** The activities that send requests to the archive. */
export function createDownloadActivities(home: HomeFolders, servers: RecordServers) {
  const services = { servers, receipts: new Receipts(home.receipts), retryBudget: new RetryBudget(home.transfers) };
  return {
    fetchRecord: createFetchRecord(services),
    downloadFile: createDownloadFile(services),
  };
}
export type DownloadActivities = ReturnType<typeof createDownloadActivities>;

export interface FileOutcome {
  readonly key: string;
  /** Size of the record's file in bytes. */
  readonly size: number;
  readonly md5: string;
  /** SHA-256 of the record's file; missing if only some members were downloaded. */
  readonly sha256?: string;
  readonly verified: Verified;
  /**
   * Where the file is: `fetched` just now, `present` before, `mirrored` in the mirror, `unpacked` (the wanted members
   * of an archive are already in the data folder), or `skipped` (nothing in it is wanted).
   */
  readonly state: 'fetched' | 'present' | 'mirrored' | 'unpacked' | 'skipped';
  /** Files in the data folder that were unpacked from it, and their size; of an archive, known after unpacking. */
  readonly files?: number;
  readonly bytes?: number;
}

/**
 * Downloads one file of the record, or resumes an interrupted download. The file gets its final name only after it was
 * verified: archives in DATA/archives, other files in DATA. If little of an archive is wanted, or most of it is
 * present, only the missing members are downloaded.
 */
function createDownloadFile(services: DownloadServices) {
  return async function downloadFile(input: FileInput): Promise<FileOutcome> {
    const { file, data, zenodo, retrySeconds } = FileInput.parse(input);
    const path = inside(isArchive(file.key) ? join(data, 'archives') : data, file.key);
    const bytes = async () => (await bytesOf(path)) + (await bytesOfPieces(piecesPath(path)));
    return withRetryBudget(services.retryBudget, { zenodo, retrySeconds, subject: path, bytes }, () =>
      withTransferProgress({ file: file.key, of: file.size }, (report) => acquireFile(services, input, path, report)),
    );
  };
}

async function acquireFile(
  services: DownloadServices,
  input: FileInput,
  path: string,
  report: Report,
): Promise<FileOutcome> {
  const { file, data, zenodo } = input;
  const archive = isArchive(file.key);
  const receipt = archive ? await services.receipts.whole(data, file) : undefined;
  if (receipt !== undefined) return unpackedBefore(receipt);
  const mirrored = await takeFromMirror(input, path, report);
  if (mirrored !== undefined) return archive ? mirrored : noted(services, data, mirrored);
  if (archive && (await areMembersEnough(input, path))) {
    const members = await takeMembers(services, input, path, report);
    if (members !== undefined) return members;
  }
  const done = await transfer({
    ...(await services.servers.request(zenodo, input.record, file)),
    path,
    size: file.size,
    md5: file.md5,
    // Space for unpacking: nearly all members are images, which are hardly compressed further.
    extraSpace: archive ? file.size : 0,
    signal: Context.current().cancellationSignal,
    onProgress: (bytes) => report('fetching', bytes),
  });
  const outcome = outcomeOf(input, done, done.resumedFrom === file.size ? 'present' : 'fetched');
  return archive ? outcome : noted(services, data, outcome);
}

type Known = Pick<DownloadedFile, 'sha256'>;

function outcomeOf({ file }: FileInput, { sha256 }: Known, state: FileOutcome['state']): FileOutcome & Known {
  const { key, size, md5 } = file;
  return { key, size, md5, sha256, verified: 'md5', state };
}

function unpackedBefore({ key, size, md5, sha256, verified, bytes, files }: ReceiptOf): FileOutcome {
  const known = sha256 === undefined ? {} : { sha256 };
  return { key, size, md5, ...known, verified, state: 'unpacked', files: files.length, bytes };
}

type ReceiptOf = NonNullable<Awaited<ReturnType<DownloadServices['receipts']['whole']>>>;

/** Writes the receipt of a file that is not an archive. */
async function noted({ receipts }: DownloadServices, data: string, outcome: FileOutcome & Known): Promise<FileOutcome> {
  const { key, size, md5, sha256, verified } = outcome;
  const files = [{ path: key, size, sha256 }];
  await receipts.write(data, { key, md5, sha256, size, bytes: size, verified, whole: true, files });
  return { ...outcome, files: 1, bytes: size };
}

async function takeFromMirror(
  input: FileInput,
  path: string,
  report: Report,
): Promise<(FileOutcome & Known) | undefined> {
  const { file, zenodo } = input;
  if (zenodo.mirror === undefined) return undefined;
  const signal = Context.current().cancellationSignal;
  const found = await findInMirror(zenodo.mirror, file, signal, () => report('fetching', file.size));
  if (found === undefined) return undefined;
  if (!isArchive(file.key)) await copyFromMirror(found.path, path, signal);
  return outcomeOf(input, found, 'mirrored');
}

/** Returns whether to read members from an archive instead of downloading it: not if the whole download was started. */
async function areMembersEnough({ file, data }: FileInput, path: string): Promise<boolean> {
  if (existsSync(path) || existsSync(partPath(path))) return false;
  if (file.part) return true;
  const root = rootOfArchive(file);
  return root !== undefined && (await readdir(join(data, root)).catch(() => [])).length > 0;
}

async function takeMembers(
  { servers, receipts }: DownloadServices,
  { file, data, zenodo, record, only }: FileInput,
  path: string,
  report: Report,
): Promise<FileOutcome | undefined> {
  const { key, size, md5 } = file;
  const selection = file.part && only !== undefined ? new Selection(only) : undefined;
  const members = await fetchMembers({
    ...(await servers.request(zenodo, record, file)),
    path,
    size,
    md5,
    target: data,
    root: rootOfArchive(file),
    folders: KINDS,
    signal: Context.current().cancellationSignal,
    onProgress: (bytes, total) => report('fetching', bytes, total),
    ...(selection === undefined ? {} : { select: (member: string) => selection.takes(member) }),
  });
  if (members === undefined) return undefined;
  const bytes = members.reduce((sum, member) => sum + member.size, 0);
  const files = members.map((member) => ({ path: member.path, size: member.size, sha256: member.sha256 }));
  const receipt = { key, md5, size, verified: 'crc', files } as const;
  if (selection === undefined) await receipts.write(data, { ...receipt, bytes, whole: true });
  else if (files.length > 0) await receipts.addPart(data, receipt);
  const state = files.length > 0 ? 'unpacked' : 'skipped';
  return { key, size, md5, verified: 'crc', state, files: files.length, bytes };
}

async function bytesOf(path: string): Promise<number> {
  return (await statIfThere(partPath(path)))?.size ?? 0;
}

/** A record, pinned to one version, and those of its files that are needed. */
export interface ResolvedRecord {
  readonly id: string;
  readonly concept?: string;
  readonly doi?: string;
  readonly title: string;
  readonly files: readonly RecordFile[];
}

/**
 * Requests the list of needed files from the record's API, with sizes, checksums and URLs. Sends no request if all of
 * them have already been downloaded and verified: a version never changes.
 */
function createFetchRecord({ servers, receipts, retryBudget }: DownloadServices) {
  return async function fetchRecord(input: FetchRecordInput): Promise<ResolvedRecord> {
    const { record, zenodo, data, retrySeconds, ...wanted } = FetchRecordInput.parse(input);
    const signal = Context.current().cancellationSignal;
    const attempt = { zenodo, retrySeconds, subject: `${zenodo.api} ${record}`, bytes: async () => 0 };
    return withRetryBudget(retryBudget, attempt, () =>
      withHeartbeat({ record }, async () => {
        const known = await servers.known(zenodo, record);
        const isHere = known !== undefined && (await areHere(receipts, data, known, wanted));
        if (!isHere && zenodo.offline) return asItLies(record, data, wanted);
        const { files, title = '', ...found } = isHere ? known : await servers.record(zenodo, record, signal);
        await receipts.writeRecord(data, { ...found, title });
        return { ...found, title, files: wantedFiles({ ...found, files }, wanted) };
      }),
    );
  };
}

type Wanted = Pick<FetchRecordInput, 'tasks' | 'whole' | 'only' | 'ownModels'>;

async function areHere(receipts: Receipts, data: string, record: ZenodoRecord, wanted: Wanted): Promise<boolean> {
  if (wanted.only !== undefined) return false;
  for (const file of wantedFiles(record, wanted)) {
    if ((await receipts.whole(data, file)) === undefined) return false;
  }
  return true;
}

/** Folders of published results. A record without them can be run, but not compared. */
const PUBLISHED_ROOTS = ['inference', 'figures'];

/** Checks that a data folder that is used without verification has what the tasks need. Downloads nothing. */
async function asItLies(record: string, data: string, { tasks, ownModels }: Wanted): Promise<ResolvedRecord> {
  const { folders, files } = neededOfRecord(tasks, ownModels);
  const needed = [...folders, ...files].filter((name) => !PUBLISHED_RESULTS.includes(name));
  for (const name of needed) {
    const place = name === OVERVIEW_FILE ? await overviewFileIn(data) : join(data, name);
    if (existsSync(place) || PUBLISHED_ROOTS.includes(name)) continue;
    throw new ReigniteError(
      'FILE_MISSING',
      `${data} has no ${name}, and zenodo.offline does not allow downloading it.`,
      { remedy: 'Copy it into the data folder, or set zenodo.offline to false.' },
    );
  }
  return { id: record, title: `taken from ${data} as it is`, files: [] };
}

function wantedFiles(record: ZenodoRecord, { tasks, whole, only, ownModels }: Wanted): RecordFile[] {
  const files = whole ? record.files : neededFiles(record, tasks, ownModels);
  if (only === undefined) return files.map((file) => ({ ...file, part: false }));
  const selection = new Selection(only);
  return files.flatMap((file): RecordFile[] => {
    if (selection.takes(file.key)) return [{ ...file, part: false }];
    const root = rootOfArchive(file);
    const mayHold = isArchive(file.key) && (root === undefined || selection.mayTakeBelow(root));
    return mayHold ? [{ ...file, part: true }] : [];
  });
}
