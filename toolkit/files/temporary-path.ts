import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { processTableTag } from './process-identity.ts';

/** `.<name>.<process>.<six digits of the process table, six at random>.tmp`; earlier versions wrote fewer digits. */
const TEMPORARY = /^\.(.+)\.(\d+)\.([0-9a-f]{4,12})\.tmp$/;

/** Where a file is written before it takes its place: the same folder, so that the rename is atomic. */
export function temporaryPathBeside(path: string): string {
  const ending = `${process.pid}.${processTableTag()}${randomBytes(3).toString('hex')}.tmp`;
  return join(dirname(path), `.${basename(path)}.${ending}`);
}

/** What the name of a temporary file or folder says. */
export interface Temporary {
  /** Name of the file that it was to become. */
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
