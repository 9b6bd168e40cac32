import { basename, parse as parsePath } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { decodeUtf8, readRecordFile } from '../files/text-file.ts';
import { OVERVIEW_COLUMNS } from './layout.ts';

/** A row of the overview: an ROI of one of the tasks. */
export interface OverviewRow {
  /** Line of the file, from 1; the header is line 1. */
  readonly line: number;
  /** As in the file, relative to the authors' code folder. */
  readonly imagePath: string;
  readonly annotationPath: string;
  /** Such as `he_tissue_segmentation`. */
  readonly task: string;
  /** `train` or `test`. */
  readonly split: string;
  /** All columns as text, including the ones above: patient_id, source, organ, scanner and others. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Limit for a decompressed overview; that of the record, with 887 ROIs, has a few hundred kB. */
const MAX_BYTES = 256 * 2 ** 20;

const ParsedCsv = z.array(z.object({ info: z.object({ lines: z.int() }), record: z.array(z.string()) }));

/**
 * Reads data_overview.csv, plain or gzip (detected by its first bytes: the published file exists in both forms).
 * Columns are found by name, in any order; additional ones are allowed. They are separated by commas, as published, or
 * by semicolons or tabs, as spreadsheets save them.
 *
 * @throws ReigniteError OVERVIEW_INVALID naming the file and the column or the line; FILE_MISSING.
 */
export async function readOverview(path: string): Promise<readonly OverviewRow[]> {
  const text = decodeUtf8(unzipped(await readRecordFile(path), path), path, 'OVERVIEW_INVALID');
  const [header, ...rows] = parseCsv(text, path);
  const columns = header?.record ?? [];
  const column = Object.fromEntries(OVERVIEW_COLUMNS.map((name) => [name, columnOf(columns, name, path)]));
  return rows.map(({ info, record }) => {
    const value = (name: (typeof OVERVIEW_COLUMNS)[number]) => record[column[name] ?? -1] ?? '';
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

function unzipped(bytes: Buffer, path: string): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
  } catch (error) {
    throw new ReigniteError('OVERVIEW_INVALID', `${path} looks like gzip but cannot be unpacked.`, { cause: error });
  }
}

function parseCsv(text: string, path: string): z.output<typeof ParsedCsv> {
  try {
    return ParsedCsv.parse(parse(text, { info: true, skip_empty_lines: true, delimiter: delimiterOf(text) }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ReigniteError('OVERVIEW_INVALID', `${path}: ${reason}.`, { cause: error });
  }
}

/** Detects the delimiter from the required columns in the header; a comma if none of the candidates fits. */
function delimiterOf(text: string): string {
  const [header = ''] = text.split(/\r?\n/, 1);
  const separates = (delimiter: string) => {
    const names = header.split(delimiter).map((name) => name.replaceAll('"', ''));
    return OVERVIEW_COLUMNS.filter((name) => names.includes(name)).length > 1;
  };
  return [',', ';', '\t'].find(separates) ?? ',';
}

const MAX_COLUMNS_NAMED = 20;

function columnOf(columns: readonly string[], name: string, path: string): number {
  const index = columns.indexOf(name);
  if (index === -1) {
    const named = columns.slice(0, MAX_COLUMNS_NAMED).map((column) => JSON.stringify(column));
    const found = named.length === 0 ? 'no columns' : `the columns ${named.join(', ')}`;
    throw new ReigniteError('OVERVIEW_INVALID', `${path} has no column "${name}". It has ${found}.`, {
      remedy: `Name the columns ${OVERVIEW_COLUMNS.join(', ')}, or download ${basename(path)} again.`,
    });
  }
  if (columns.lastIndexOf(name) !== index) {
    throw new ReigniteError('OVERVIEW_INVALID', `${path} has the column "${name}" twice.`);
  }
  return index;
}

/** Rows of the overview by the stem of their image. */
export type OverviewByStem = ReadonlyMap<string, OverviewRow>;

const WITH_CONTEXT = '_with_context';
const UNKNOWN = 'image ';

/** Indexes rows by the stem of their image; the first row wins. */
export function overviewByStem(rows: readonly OverviewRow[]): OverviewByStem {
  const byStem = new Map<string, OverviewRow>();
  for (const row of rows) {
    const stem = parsePath(row.imagePath).name;
    if (!byStem.has(stem)) byStem.set(stem, row);
  }
  return byStem;
}

/** Finds the row of an ROI. H&E results are named after the image with context, the overview names the one without. */
export function rowOf(overview: OverviewByStem, roi: string): OverviewRow | undefined {
  return overview.get(roi) ?? overview.get(roi.endsWith(WITH_CONTEXT) ? roi.slice(0, -WITH_CONTEXT.length) : roi);
}

/** Returns the patient ID of an ROI. An ROI that is not in the overview counts as a separate patient. */
export function patientOf(overview: OverviewByStem, roi: string): string {
  const id = rowOf(overview, roi)?.facts['patient_id']?.trim();
  return id === undefined || id === '' ? `${UNKNOWN}${roi}` : id;
}

/** Returns whether an ID of `patientOf` is that of an ROI whose patient is unknown. */
export function isUnknownPatient(id: string): boolean {
  return id.startsWith(UNKNOWN);
}
