import { readFile } from 'node:fs/promises';
import { ReigniteError } from '../errors.js';
/**
 * Bytes of a small file of the record.
 *
 * @throws ReigniteError FILE_MISSING when there is no such file.
 */
export async function readRecordFile(path) {
    try {
        return await readFile(path);
    }
    catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
            throw new ReigniteError('FILE_MISSING', `There is no file ${path}.`, { cause: error });
        }
        throw error;
    }
}
/**
 * Bytes as UTF-8 text, without a byte order mark.
 *
 * @throws ReigniteError `code` when they are something else.
 */
export function decodeUtf8(bytes, path, code) {
    try {
        return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    }
    catch (error) {
        throw new ReigniteError(code, `${path} is not UTF-8 text.`, { cause: error });
    }
}
