import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { sha256Of } from './hash-file.ts';
import { processTableTag } from './process-identity.ts';

/** `.<name>.<process>.<six digits of the process table, six at random>.tmp`; earlier versions wrote fewer digits. */
const TEMPORARY = /^\.(.+)\.(\d+)\.([0-9a-f]{4,12})\.tmp$/;

/** Bytes of a name that most file systems allow. */
const LONGEST_NAME = 255;

/**
 * Where a file is written before it takes its place: the same folder, so that the rename is atomic. A long name is
 * replaced by its digest, so that every name that fits has a temporary one that fits too.
 */
export function temporaryPathBeside(path: string): string {
  const ending = `${process.pid}.${processTableTag()}${randomBytes(3).toString('hex')}.tmp`;
  const name = `.${basename(path)}.${ending}`;
  const fits = Buffer.byteLength(name) <= LONGEST_NAME;
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
export function parseTemporary(name: string): Temporary | undefined {
  const [, target, pid, digits = ''] = TEMPORARY.exec(name) ?? [];
  if (target === undefined) return undefined;
  return { target, pid: Number(pid), tableTag: digits.length === 12 ? digits.slice(0, 6) : undefined };
}
