import { posix } from 'node:path';
import { PNG_START_BYTES, type PngStart, parsePngStart } from '../image/png-header.ts';
import { firstOf, type ImageSize, type RecordCheck } from './record-check.ts';
import type { RecordTree } from './record-tree.ts';

/**
 * Checks that files are in the tree.
 *
 * @param what - Name of the files in the plural, such as "images of the test set". A single file is named by its path.
 * @param absent - Status and remedy if any is missing.
 */
export function checkPresence(
  tree: RecordTree,
  subject: string,
  what: string,
  paths: readonly string[],
  absent: { readonly status: 'warn' | 'fail'; readonly remedy: string },
): RecordCheck {
  const missing = paths.filter((path) => !tree.sizes.has(path));
  if (missing.length === 0) return { subject, status: 'pass', detail: `${paths.length} ${what}` };
  if (paths.length === 1) return { subject, detail: `${missing[0]} is missing`, ...absent };
  const detail = `${missing.length} of ${paths.length} ${what} are missing: ${firstOf(missing)}`;
  return { subject, detail, ...absent };
}

/** A check of headers, and the image sizes in them. */
export interface PngCheck {
  readonly check: RecordCheck;
  readonly sizes: readonly ImageSize[];
}

/**
 * Checks the headers of PNGs.
 *
 * @param fault - Describes what is wrong with a header; undefined if nothing is.
 */
export async function checkPngs(
  tree: RecordTree,
  subject: string,
  paths: readonly string[],
  fault: (header: PngStart) => string | undefined,
  remedy: string,
): Promise<PngCheck> {
  const present = paths.filter((path) => tree.sizes.has(path));
  if (present.length === 0) return { check: { subject, status: 'unknown', detail: 'there are none' }, sizes: [] };
  const heads = await tree.heads(present, PNG_START_BYTES);
  const headers = [...heads].map(([path, head]) => ({ name: posix.basename(path), header: parsePngStart(head) }));
  const faults = headers.flatMap(({ name, header }) => {
    const wrong = header === undefined ? 'is not a PNG' : fault(header);
    return wrong === undefined ? [] : [`${name} ${wrong}`];
  });
  const sound = headers.flatMap(({ header }) => header ?? []);
  const sizes = sound.map(({ width, height }) => ({ width, height }));
  if (faults.length > 0) return { check: { subject, status: 'fail', detail: firstOf(faults), remedy }, sizes };
  const checked = heads.size === present.length ? 'all' : `${heads.size} of ${present.length}`;
  const detail = `${checked} checked: ${[...new Set(sound.map(modeOf))].join(', ')}`;
  return { check: { subject, status: 'pass', detail }, sizes };
}

/** Describes depth and colour of a PNG, such as "8-bit RGB". */
export function modeOf({ depth, colour }: PngStart): string {
  return `${depth}-bit ${colour}`;
}
