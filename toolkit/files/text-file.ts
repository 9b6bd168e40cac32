import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { type ErrorCode, ReigniteError } from '../errors.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { fileMissing, hasCode, readText, requireRegularFile } from './file-access.ts';

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

/** Position at which a text stops being valid JSON. */
interface JsonFault {
  /** From 1, like `column`, which counts UTF-16 units as editors do. */
  readonly line: number;
  readonly column: number;
  /** What is wrong at the position, for a message. */
  readonly found: string;
}

const SPACE = /[ \t\n\r]*/y;
const VALUE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them within strings
  /(?:"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;
const WORD = /-?[\p{L}_][\p{L}\d_]*|./uy;

/** What may come next. `-or-end` allows the end of an array or object too. */
type Next = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end';

/**
 * Finds the first position at which a text stops being valid JSON. The messages of V8 name a position only for some
 * faults.
 *
 * @returns Undefined for valid JSON.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: ('[' | '{')[] = [];
  let next: Next = 'value';
  let isWhole = false;
  for (let at = skip(text, 0); !isWhole; at = skip(text, at)) {
    const character = text[at];
    const inArray = open.at(-1) === '[';
    if (next === 'colon') {
      if (character !== ':') return faultAt(text, at);
      next = 'value';
      at += 1;
    } else if (isEnd(character, inArray) && next !== 'value' && next !== 'key') {
      open.pop();
      next = 'comma-or-end';
      at += 1;
      isWhole = open.length === 0;
    } else if (next === 'comma-or-end') {
      if (character !== ',') return faultAt(text, at);
      next = inArray ? 'value' : 'key';
      at += 1;
    } else if (next === 'key' || next === 'key-or-end') {
      const end = character === '"' ? endOf(VALUE, text, at) : undefined;
      if (end === undefined) return faultAt(text, at);
      next = 'colon';
      at = end;
    } else if (character === '[' || character === '{') {
      open.push(character);
      next = character === '[' ? 'value-or-end' : 'key-or-end';
      at += 1;
    } else {
      const end = endOf(VALUE, text, at);
      if (end === undefined) return faultAt(text, at);
      next = 'comma-or-end';
      at = end;
      isWhole = open.length === 0;
    }
    if (isWhole) {
      const rest = skip(text, at);
      return rest === text.length ? undefined : faultAt(text, rest);
    }
  }
  return undefined;
}

function isEnd(character: string | undefined, inArray: boolean): boolean {
  return character === (inArray ? ']' : '}');
}

function skip(text: string, at: number): number {
  return endOf(SPACE, text, at) ?? at;
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function faultAt(text: string, at: number): JsonFault {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  const column = at - before.lastIndexOf('\n');
  if (at >= text.length) return { line, column, found: 'the text ends too early' };
  WORD.lastIndex = at;
  const word = WORD.exec(text)?.[0] ?? text[at] ?? '';
  const isPython = /^-?(NaN|Infinity|nan|inf|None|True|False)$/.test(word);
  return {
    line,
    column,
    found: `${JSON.stringify(word)}${isPython ? ', which JSON does not know,' : ''} is not expected`,
  };
}

/**
 * Reads a small file of the record.
 *
 * @throws ReigniteError FILE_MISSING when the file does not exist or is a folder.
 */
export async function readRecordFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw fileMissing(path, error);
    if (hasCode(error, 'EISDIR')) {
      throw new ReigniteError('FILE_MISSING', `${path} is a folder, not a file.`, { cause: error });
    }
    throw error;
  }
}

/** What the first bytes of a file say that it is, if it is not UTF-8 text. */
const OTHER_CONTENT = [
  { starts: [0x1f, 0x8b], is: 'compressed by gzip', remedy: 'Decompress it, for example with `gunzip`.' },
  { starts: [0x50, 0x4b, 0x03, 0x04], is: 'a zip archive', remedy: 'Unpack it, and name the file in it.' },
  { starts: [0xff, 0xfe], is: 'UTF-16 text', remedy: 'Save it as UTF-8 in a text editor.' },
  { starts: [0xfe, 0xff], is: 'UTF-16 text', remedy: 'Save it as UTF-8 in a text editor.' },
] as const;

/**
 * Decodes UTF-8 text, dropping a byte order mark.
 *
 * @throws ReigniteError `code` when the bytes are not valid UTF-8, saying what they are if their start shows it.
 */
export function decodeUtf8(bytes: Uint8Array, path: string, code: ErrorCode): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const other = OTHER_CONTENT.find(({ starts }) => starts.every((byte, at) => bytes[at] === byte));
    if (other === undefined) throw new ReigniteError(code, `${path} is not UTF-8 text.`, { cause });
    throw new ReigniteError(code, `${path} is ${other.is}, not UTF-8 text.`, { cause, remedy: other.remedy });
  }
}

/**
 * Reads a JSON file that the user named in an option.
 *
 * @param options.code - Code of the error for a file that is not JSON.
 * @param options.remedy - What to do about it.
 * @throws ReigniteError FILE_MISSING, NOT_READABLE; USAGE for a folder or a stream; `code`.
 */
export async function readNamedJson(
  path: string,
  { code, remedy }: { readonly code: ErrorCode; readonly remedy: string },
): Promise<unknown> {
  requireRegularFile(path);
  const text = decodeUtf8(await readRecordFile(path), path, code);
  try {
    return parseRecordJson(text, path, code);
  } catch (cause) {
    if (!(cause instanceof ReigniteError)) throw cause;
    throw new ReigniteError(cause.code, cause.message, { cause, remedy });
  }
}

/**
 * Parses a JSON document.
 *
 * @throws ReigniteError `code` with line and column of the first position that is not valid JSON; `code` for the key
 *   `__proto__`.
 */
export function parseRecordJson(text: string, path: string, code: ErrorCode): unknown {
  const json = parseJson(text, path, code);
  if (!hasPrototypeKey(text)) return json;
  throw new ReigniteError(code, `${path} contains the name "__proto__", which is not allowed.`);
}

function parseJson(text: string, path: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const fault = findJsonFault(text);
    const place = fault === undefined ? '' : `: line ${fault.line}, column ${fault.column}: ${fault.found}`;
    throw new ReigniteError(code, `${path} is not JSON${place}.`, { cause: error });
  }
}
