import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256Of } from './hash-file.ts';
import { statIfThere } from './if-there.ts';
import { isTaken, processTableTag } from './process-identity.ts';
import { silenceOf } from './suitable-file-system.ts';

/** `.<name>.<process>.<six digits of the process table, six at random>.tmp`; earlier versions wrote fewer digits. */
const TEMPORARY = /^\.(.+)\.(\d+)\.([0-9a-f]{4,12})\.tmp$/;

/** Bytes of a name that most file systems allow. */
const MAX_NAME_BYTES = 255;

/**
 * Where a file is written before it takes its place: the same folder, so that the rename is atomic. A long name is
 * replaced by its digest, so that every name that fits has a temporary one that fits too.
 */
export function temporaryPathBeside(path: string): string {
  const ending = `${process.pid}.${processTableTag()}${randomBytes(3).toString('hex')}.tmp`;
  const name = `.${basename(path)}.${ending}`;
  const fits = Buffer.byteLength(name) <= MAX_NAME_BYTES;
  return join(dirname(path), fits ? name : `.${sha256Of(basename(path)).slice(0, 32)}.${ending}`);
}

/** What the name of a temporary file or folder says. */
export interface Temporary {
  /** Name of the file that it was to become; the first 32 digits of its SHA-256 where it is long. */
  readonly target: string;
  readonly pid: number;
  /** Of the writer's process table; undefined in names of earlier versions. */
  readonly tableTag: string | undefined;
}

/** @returns Undefined for a name that `temporaryPathBeside` does not make. */
function parseTemporary(name: string): Temporary | undefined {
  const [, target, pid, digits = ''] = TEMPORARY.exec(name) ?? [];
  if (target === undefined) return undefined;
  return { target, pid: Number(pid), tableTag: digits.length === 12 ? digits.slice(0, 6) : undefined };
}

/** Age after which a temporary file of a process that cannot be inspected from here counts as left over. */
const ABANDONED_MS = 3_600_000;

export interface Sweep {
  /** Which temporaries to remove, by the name of the file that they were to become. Default: all. */
  readonly of?: (target: string) => boolean;
  /** Set by the only process that writes these files now: all of them are left over. */
  readonly sole?: boolean;
}

/**
 * Removes the temporary files and folders that processes left in `folder` when they were killed: a network of the
 * paper's size takes 165 MB. What a living process writes stays, also that of another machine on a shared disk.
 *
 * @param folder - Not searched further down; nothing happens where it does not exist or cannot be read.
 */
export async function sweepTemporaries(folder: string, { of = () => true, sole = false }: Sweep = {}): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const temporary = parseTemporary(name);
    if (temporary === undefined || !of(temporary.target)) continue;
    const path = join(folder, name);
    if (sole || (await isLeftOver(path, temporary))) await rm(path, { recursive: true, force: true });
  }
}

async function isLeftOver(path: string, { pid, tableTag }: Temporary): Promise<boolean> {
  if (tableTag === undefined || tableTag === processTableTag()) return !(await isTaken(pid));
  const written = await statIfThere(path);
  return written !== undefined && (await silenceOf(path, written.mtimeMs)) > ABANDONED_MS;
}
