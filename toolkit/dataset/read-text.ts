import { readFile } from 'node:fs/promises';
import { type ErrorCode, ReigniteError } from '../errors.ts';
import { findJsonFault } from './json-fault.ts';

/**
 * Bytes of a small file of the record.
 *
 * @throws ReigniteError FILE_MISSING when there is no such file, or a folder in its place.
 */
export async function readRecordFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new ReigniteError('FILE_MISSING', `There is no file ${path}.`, { cause: error });
    }
    if (error instanceof Error && 'code' in error && error.code === 'EISDIR') {
      throw new ReigniteError('FILE_MISSING', `${path} is a folder, not a file.`, { cause: error });
    }
    throw error;
  }
}

/**
 * Bytes as UTF-8 text, without a byte order mark.
 *
 * @throws ReigniteError `code` when they are something else.
 */
export function decodeUtf8(bytes: Uint8Array, path: string, code: ErrorCode): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ReigniteError(code, `${path} is not UTF-8 text.`, { cause: error });
  }
}

/**
 * A JSON document.
 *
 * @throws ReigniteError `code` with line and column of the first place that is not JSON.
 */
export function parseRecordJson(text: string, path: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const fault = findJsonFault(text);
    const place = fault === undefined ? '' : `: line ${fault.line}, column ${fault.column}: ${fault.found}`;
    throw new ReigniteError(code, `${path} is not JSON${place}.`, { cause: error });
  }
}
