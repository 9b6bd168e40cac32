import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { hasCode, refuseStream } from './disk-error.ts';

/**
 * Reads a JSON file and checks it against a schema.
 *
 * @param options.remedy - What to do about a damaged file, if deleting it is wrong.
 * @returns Undefined if the file does not exist.
 * @throws ReigniteError FILE_DAMAGED when it is not JSON or does not fit the schema; USAGE for a named pipe, a
 *   device or a socket; the system's error when it cannot be read.
 */
export async function readJsonFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  { remedy }: { readonly remedy?: string } = {},
): Promise<z.output<Schema> | undefined> {
  const text = await readText(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ReigniteError('FILE_DAMAGED', `${path} is damaged, or was not written by reignite.`, {
      cause,
      ...(remedy !== undefined && { remedy }),
    });
  }
}

async function readText(path: string): Promise<string> {
  refuseStream(path, await stat(path));
  return readFile(path, 'utf8');
}

/** Reads a JSON file that can be recreated: undefined if it is missing, unreadable or does not fit the schema. */
export async function readJsonIfValid<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  try {
    return await readJsonFile(path, schema);
  } catch {
    return undefined;
  }
}

/**
 * Returns whether an object of a JSON document has the key `__proto__`. Such a key is lost silently when objects are
 * copied or validated, so files from users with it are refused.
 *
 * @param text - Valid JSON.
 * @example hasPrototypeKey('{"__proto__": 2}') // true
 */
export function hasPrototypeKey(text: string): boolean {
  // The walk over all keys is slow for large files; the key may be written with escapes.
  if (!/__proto__|\\u/.test(text)) return false;
  let isFound = false;
  JSON.parse(text, (key, value: unknown) => {
    if (key === '__proto__') isFound = true;
    return value;
  });
  return isFound;
}

/** Writes a value as indented JSON, atomically. */
export async function writeJsonFile(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 1)}\n`);
}
