import { dirname, join } from 'node:path';
import { underRoot, withoutWrapper, wrapperOf } from '../archive/check-entries.ts';
import type { LocatedMember } from '../archive/read-archive.ts';
import { isArchive, KINDS, type Kind } from '../dataset/layout.ts';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { makeFolder } from '../files/folders.ts';
import { firstOf } from '../format.ts';
import { downloadFile } from '../zenodo/download/download-file.ts';
import { RemoteArchive } from '../zenodo/download/fetch-members.ts';
import type { HttpGet } from '../zenodo/http/http.ts';
import type { RecordFile } from '../zenodo/record/record.ts';
import { archiveKind } from '../zenodo/record/record-files.ts';
import type { RecordCheck, RecordTree } from './check-record.ts';

/** Largest compressed size in bytes of a file that is fetched before the run. */
const MAX_PACKED = 256 * 2 ** 10;
/** Total bytes to fetch of a record; only central directories and plain files may exceed it. */
const MAX_BYTES = 900 * 2 ** 10;
/** Bytes that fetching whole files leaves for the heads of files. */
const FOR_HEADS = 256 * 2 ** 10;
/** Largest uncompressed size in bytes of a file that is fetched whole. */
const MAX_WHOLE = 64 * 2 ** 20;
/** Maximum number of files per check whose heads are read. */
const MAX_HEADS = 40;
/**
 * Maximum number of requests for heads. Files that are far apart in their archive need a request each, and Zenodo
 * allows 60 per minute.
 */
const MAX_REQUESTS = 36;
/** Requests that a check may make even if few are left. */
const MIN_REQUESTS = 3;

/** An archive of the record and its contents. */
export interface FoundArchive {
  readonly key: string;
  /** Undefined if the paths in it are not conclusive. */
  readonly kind: Kind | undefined;
  readonly members: number;
}

export interface RemoteTree extends RecordTree {
  /** Folder of fetched files, which messages replace so that a file has its path in the record. */
  readonly folder: string;
  readonly archives: readonly FoundArchive[];
  /** Archives that cannot be used. */
  readonly faults: readonly RecordCheck[];
  /** Returns the bytes fetched so far. */
  bytes(): number;
  close(): Promise<void>;
}

/**
 * Opens a record on a server. Fetches only the central directory of each archive.
 *
 * @param options.scratch - A folder for fetched files, which can be deleted afterwards.
 * @param options.request - Returns the request for a file of the record.
 * @throws RangeIgnored when the server sends only whole files; ReigniteError as `RemoteArchive.open`.
 */
export async function remoteTree(options: {
  readonly files: readonly RecordFile[];
  readonly scratch: string;
  readonly request: (file: RecordFile) => Promise<HttpGet>;
  readonly signal?: AbortSignal;
}): Promise<RemoteTree> {
  const { files, scratch, request, signal } = options;
  await makeFolder(join(scratch, 'pieces'));
  const opened: OpenedArchive[] = [];
  const faults: RecordCheck[] = [];
  try {
    for (const [index, file] of files.filter(({ key }) => isArchive(key)).entries()) {
      const pieces = join(scratch, 'pieces', String(index));
      const { size, md5 } = file;
      const open = async () => RemoteArchive.open({ ...(await request(file)), signal, pieces, size, md5 });
      const archive = await open().catch((error) => faultOf(error, file.key, pieces));
      if (archive instanceof RemoteArchive) opened.push({ file, archive });
      else faults.push(archive);
    }
  } catch (error) {
    await Promise.all(opened.map(({ archive }) => archive.close()));
    throw error;
  }
  return new FetchedTree(scratch, opened, files, request, faults);
}

interface OpenedArchive {
  readonly file: RecordFile;
  readonly archive: RemoteArchive;
}

/**
 * Makes a check from an error of an archive, so that the others are still checked.
 *
 * @throws Errors that say nothing about the archive.
 */
function faultOf(error: unknown, key: string, pieces: string): RecordCheck {
  if (!(error instanceof ReigniteError) || error.retryable || !error.code.startsWith('ARCHIVE_')) throw error;
  const detail = `${error.code}: ${error.message.replaceAll(pieces, key)}`;
  return { subject: key, status: 'fail', detail, remedy: error.remedy };
}

/** Reports an archive of archives, which a run does not unpack. */
function nestedFault({ key, kind }: FoundArchive, paths: readonly string[]): readonly RecordCheck[] {
  const inner = paths.filter(isArchive);
  if (kind !== undefined || inner.length === 0) return [];
  const detail = `has archives in it, which are not unpacked: ${firstOf(inner)}`;
  return [{ subject: key, status: 'fail', detail, remedy: UNPACK }];
}

/** Archives of other formats than zip, which a run does not unpack. */
function otherArchives(files: readonly RecordFile[]): readonly RecordCheck[] {
  return files
    .filter(({ key }) => OTHER_ARCHIVE.test(key))
    .map(({ key }) => ({
      subject: key,
      status: 'warn',
      detail: 'is not a zip file and is not unpacked',
      remedy: UNPACK,
    }));
}

const OTHER_ARCHIVE = /\.(7z|rar|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz|zst))$/i;

const UNPACK = 'Unpack it and the archives in it into the data folder, then run with `--set zenodo.offline=true`.';

/** A file of the tree in an archive. */
interface ArchivedFile {
  readonly archive: RemoteArchive;
  readonly member: LocatedMember;
}

function packedSize({ member }: ArchivedFile): number {
  return member.end - member.start;
}

class FetchedTree implements RemoteTree {
  readonly sizes = new Map<string, number>();
  readonly archives: readonly FoundArchive[];
  readonly faults: readonly RecordCheck[];
  readonly folder: string;
  readonly #opened: readonly RemoteArchive[];
  readonly #members = new Map<string, ArchivedFile>();
  readonly #plain = new Map<string, RecordFile>();
  readonly #request: (file: RecordFile) => Promise<HttpGet>;
  /** Paths of files that were fetched whole. */
  readonly #whole = new Set<string>();
  #plainBytes = 0;
  #requestsLeft = MAX_REQUESTS;

  constructor(
    scratch: string,
    opened: readonly OpenedArchive[],
    files: readonly RecordFile[],
    request: (file: RecordFile) => Promise<HttpGet>,
    faults: readonly RecordCheck[],
  ) {
    this.folder = join(scratch, 'tree');
    this.#request = request;
    this.#opened = opened.map(({ archive }) => archive);
    this.archives = opened.map(({ file, archive }) => {
      const paths = archive.members.map(({ path }) => path);
      const kind = archiveKind(paths);
      const wrapper = wrapperOf(paths, kind === undefined ? KINDS : [kind]);
      for (const member of archive.members) {
        const inner = withoutWrapper(member.path, wrapper);
        const path = kind === undefined ? inner : underRoot(inner, kind);
        this.sizes.set(path, member.size);
        this.#members.set(path, { archive, member });
      }
      return { key: file.key, kind, members: archive.members.length };
    });
    const nested = this.archives.flatMap((found, index) => {
      const paths = opened[index]?.archive.members.map(({ path }) => path) ?? [];
      return nestedFault(found, paths);
    });
    this.faults = [...faults, ...nested, ...otherArchives(files)];
    for (const file of files.filter(({ key }) => !isArchive(key))) {
      this.sizes.set(file.key, file.size);
      this.#plain.set(file.key, file);
    }
  }

  bytes(): number {
    return this.#plainBytes + this.#opened.reduce((sum, archive) => sum + archive.bytes, 0);
  }

  async heads(paths: readonly string[], length: number): Promise<ReadonlyMap<string, Buffer>> {
    const wanted = this.#affordable(paths, length);
    this.#requestsLeft -= this.#costOf(wanted, length).requests;
    return this.#headsOf(wanted, length);
  }

  #bytesLeft(): number {
    return Math.max(0, MAX_BYTES - this.bytes());
  }

  /**
   * Returns an evenly spaced sample of the paths that costs at most a third of the remaining requests and bytes, but at
   * least three paths.
   */
  #affordable(paths: readonly string[], length: number): readonly string[] {
    const maxRequests = Math.max(MIN_REQUESTS, Math.floor(this.#requestsLeft / 3));
    const maxBytes = this.#bytesLeft() / 3;
    const isTooMuch = (wanted: readonly string[]) => {
      const { requests, bytes } = this.#costOf(wanted, length);
      return requests > maxRequests || bytes > maxBytes;
    };
    let wanted = evenly(paths, MAX_HEADS);
    while (wanted.length > MIN_REQUESTS && isTooMuch(wanted)) wanted = evenly(paths, wanted.length - 1);
    return wanted;
  }

  #costOf(paths: readonly string[], length: number): { readonly requests: number; readonly bytes: number } {
    const costs = this.#byArchive(paths).map(({ archive, found }) =>
      archive.costOf(
        found.map(({ member }) => member),
        length,
      ),
    );
    return {
      requests: costs.reduce((sum, cost) => sum + cost.requests, 0),
      bytes: costs.reduce((sum, cost) => sum + cost.bytes, 0),
    };
  }

  async #headsOf(paths: readonly string[], length: number): Promise<ReadonlyMap<string, Buffer>> {
    const heads = new Map<string, Buffer>();
    for (const { archive, found } of this.#byArchive(paths)) {
      const members = found.map(({ member }) => member);
      const read = await archive.heads(members, length);
      for (const { path, member } of found) {
        const head = read.get(member.path);
        if (head !== undefined) heads.set(path, head);
      }
    }
    return heads;
  }

  /** Groups the members of the paths by archive. */
  #byArchive(paths: readonly string[]) {
    const members = paths.flatMap((path) => {
      const known = this.#members.get(path);
      return known === undefined ? [] : [{ path, ...known }];
    });
    return this.#opened.map((archive) => ({ archive, found: members.filter((each) => each.archive === archive) }));
  }

  async local(path: string): Promise<string | undefined> {
    const size = this.sizes.get(path);
    if (size === undefined) return undefined;
    const target = join(this.folder, ...path.split('/'));
    const plain = this.#plain.get(path);
    if (plain !== undefined) {
      if (this.#whole.has(path)) return target;
      await makeFolder(dirname(target));
      await downloadFile({ ...(await this.#request(plain)), path: target, size, md5: plain.md5 });
      this.#plainBytes += size;
      this.#whole.add(path);
      return target;
    }
    const member = this.#members.get(path);
    if (member === undefined || size > MAX_WHOLE) return undefined;
    // Several checks may request the same file; the limit applies only to the first request.
    const maxBytes = Math.min(MAX_PACKED, this.#bytesLeft() - FOR_HEADS);
    if (!this.#whole.has(path) && packedSize(member) > maxBytes) return undefined;
    this.#whole.add(path);
    const content = (await this.#headsOf([path], size)).get(path);
    if (content?.length !== size) return undefined;
    await writeFileAtomic(target, content);
    return target;
  }

  async start(path: string, packed: number): Promise<Buffer | undefined> {
    const known = this.#members.get(path);
    if (known === undefined) return undefined;
    const starts = await known.archive.starts([known.member], packed);
    return starts.get(known.member.path);
  }

  async close(): Promise<void> {
    for (const archive of this.#opened) await archive.close();
  }
}

/** Returns at most `count` evenly spaced items of a list, including the first and the last. */
function evenly<Item>(items: readonly Item[], count: number): readonly Item[] {
  if (items.length <= count) return items;
  const step = (items.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, index) => items[Math.round(index * step)]).filter(
    (item) => item !== undefined,
  );
}
