import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { packageFile } from '../../config/package-files.ts';

/** The paths and URLs that an input names. */
export interface NamedPlaces {
  /** Absolute paths that may be written. */
  readonly written: readonly string[];
  /** Absolute paths that are only read. */
  readonly read: readonly string[];
  /** URLs. */
  readonly addresses: readonly string[];
  /** Relative paths that leave the folder they start from. */
  readonly escapes: readonly string[];
}

/** Fields that hold a path, absolute or relative to the current folder. */
const WRITTEN_FIELDS: ReadonlySet<string> = new Set(['data', 'results', 'out']);
/** The same for files and folders that no activity writes to. */
const READ_FIELDS: ReadonlySet<string> = new Set(['model', 'labels', 'regions', 'mirror', 'serveFrom']);
/** The path of an image, if absolute. */
const IMAGE_FIELD = 'path';
/** Text for people, in which no path is looked for. */
const TEXT_FIELDS: ReadonlySet<string> = new Set(['cause', 'remedy', 'reason']);

const SCHEME_START = /^[a-z][a-z0-9+.-]*:\/\//i;
const DRIVE_START = /^[a-z]:[\\/]/i;

/**
 * Finds every path and URL in the input of a workflow or an activity, whatever its shape, so that fields added later
 * are found too. A path counts as written unless it is known to be only read.
 *
 * @example
 * placesNamedIn({ folders: { data: '/srv/data', results: '/srv/results' }, he: { model: '/srv/model.onnx' } });
 * // { written: ['/srv/data', '/srv/results'], read: ['/srv/model.onnx'], addresses: [], escapes: [] }
 */
export function placesNamedIn(input: unknown): NamedPlaces {
  const found: Found = { written: [], read: [], addresses: [], escapes: [] };
  collect(input, '', found);
  return found;
}

type Found = { readonly [Kind in keyof NamedPlaces]: string[] };

function collect(value: unknown, field: string, found: Found): void {
  if (typeof value === 'string') {
    collectText(value, field, found);
  } else if (Array.isArray(value)) {
    for (const each of value) collect(each, field, found);
  } else if (isFields(value)) {
    collectFields(value, found);
  }
}

function collectFields(fields: Record<string, unknown>, found: Found): void {
  const served = isFields(fields['zenodo']) && fields['zenodo']['serveFrom'] !== undefined;
  for (const [name, value] of Object.entries(fields)) {
    // Field names may become part of a path too.
    collectText(name, '', found);
    // A served folder gets a different port in every process, so the URL in the history is never used.
    if (served && name === 'file' && isFields(value)) collect({ ...value, url: '' }, name, found);
    else collect(value, name, found);
  }
}

function collectText(text: string, field: string, found: Found): void {
  if (TEXT_FIELDS.has(field)) return;
  if (text.includes('\0')) found.escapes.push(text);
  else if (READ_FIELDS.has(field)) found.read.push(field === 'serveFrom' ? servedFolder(text) : resolve(text));
  else if (WRITTEN_FIELDS.has(field)) found.written.push(resolve(text));
  else if (text.split(/[\\/]/).includes('..')) found.escapes.push(text);
  else if (isAddress(text)) found.addresses.push(text);
  else if (isAbsolute(text) || DRIVE_START.test(text)) (field === IMAGE_FIELD ? found.read : found.written).push(text);
}

/** Parses leniently, as URL parsers do: surrounding spaces and a missing `//` make no difference. */
function isAddress(text: string): boolean {
  if (SCHEME_START.test(text)) return true;
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Resolves a folder as the file server does: in the package first. */
function servedFolder(folder: string): string {
  const inPackage = packageFile(folder);
  return existsSync(inPackage) ? inPackage : resolve(folder);
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
