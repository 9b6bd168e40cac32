import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { ReigniteError } from '../errors.js';
import { decodeUtf8, readRecordFile } from './read-text.js';
const NEEDED = ['image_path', 'annotation_path', 'task', 'split'];
/** The overview of 887 ROIs is a few hundred kB. */
const MAX_BYTES = 256 * 2 ** 20;
const ParsedCsv = z.array(z.object({ info: z.object({ lines: z.int() }), record: z.array(z.string()) }));
/**
 * Reads data_overview.csv, plain or gzip (told by its first bytes: the published file has been met in both forms).
 * Columns are found by name, in any order; more of them do no harm.
 *
 * @throws ReigniteError OVERVIEW_INVALID naming the file and the column or the line; FILE_MISSING.
 */
export async function readOverview(path) {
    const text = decodeUtf8(unzipped(await readRecordFile(path), path), path, 'OVERVIEW_INVALID');
    const [header, ...rows] = parseCsv(text, path);
    const columns = header?.record ?? [];
    const column = Object.fromEntries(NEEDED.map((name) => [name, columnOf(columns, name, path)]));
    return rows.map(({ info, record }) => {
        const value = (name) => record[column[name] ?? -1] ?? '';
        return {
            line: info.lines,
            imagePath: value('image_path'),
            annotationPath: value('annotation_path'),
            task: value('task'),
            split: value('split'),
            facts: Object.fromEntries(columns.map((name, k) => [name, record[k] ?? ''])),
        };
    });
}
function unzipped(bytes, path) {
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b)
        return bytes;
    try {
        return gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
    }
    catch (error) {
        throw new ReigniteError('OVERVIEW_INVALID', `${path} begins as gzip and cannot be unpacked.`, { cause: error });
    }
}
function parseCsv(text, path) {
    try {
        return ParsedCsv.parse(parse(text, { info: true, skip_empty_lines: true }));
    }
    catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new ReigniteError('OVERVIEW_INVALID', `${path}: ${reason}.`, { cause: error });
    }
}
function columnOf(columns, name, path) {
    const index = columns.indexOf(name);
    if (index === -1)
        throw new ReigniteError('OVERVIEW_INVALID', `${path} has no column "${name}".`);
    if (columns.lastIndexOf(name) !== index) {
        throw new ReigniteError('OVERVIEW_INVALID', `${path} has the column "${name}" twice.`);
    }
    return index;
}
