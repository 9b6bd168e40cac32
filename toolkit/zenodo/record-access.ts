import { ReigniteError } from '../errors.ts';
import type { RecordAccess } from './record-json.ts';
import { TOKEN_VARIABLE } from './token.ts';

/** Words of Zenodo's old and new API for files that not everybody gets. */
const NOT_OPEN = new Set(['restricted', 'embargoed', 'closed']);

/**
 * Checks, before anything is fetched without a token, that the record gives its files to everybody.
 *
 * @throws ReigniteError ACCESS_DENIED with the record's access status.
 */
export function checkFilesAreOpen(id: string, access: RecordAccess): void {
  if (NOT_OPEN.has(access.files ?? access.status ?? '')) throw denied(id, access);
}

/**
 * Checks that a record lists files.
 *
 * @throws ReigniteError ACCESS_DENIED when they are not public, else RECORD_EMPTY; both with the record's access status.
 */
export function checkHasFiles(id: string, access: RecordAccess, files: number): void {
  if (files > 0) return;
  if (NOT_OPEN.has(access.files ?? '') || NOT_OPEN.has(access.status ?? '')) throw denied(id, access);
  throw new ReigniteError('RECORD_EMPTY', `Record ${id} has no files: ${describe(access)}.`);
}

function denied(id: string, access: RecordAccess): ReigniteError {
  return new ReigniteError('ACCESS_DENIED', `The files of record ${id} are not public: ${describe(access)}.`, {
    remedy: `Ask the owner of the record for access; then set ${TOKEN_VARIABLE} to a token of an account that has it.`,
  });
}

function describe({ status, files, until }: RecordAccess): string {
  const parts = [
    status === undefined ? 'the server names no access status' : `its access status is "${status}"`,
    ...(files === undefined ? [] : [`access to its files "${files}"`]),
    ...(until === undefined ? [] : [`embargoed until ${until}`]),
  ];
  return parts.join(', ');
}
