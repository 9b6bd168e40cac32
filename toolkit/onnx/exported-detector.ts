import { ReigniteError } from '../errors.ts';
import { DetectionSidecar } from './custom-model/sidecar.ts';
import type { DescribedModel, DescribedValue } from './file/describe-model.ts';

/** An output with one row per box after non-maximum suppression: x1, y1, x2, y2, score, class. */
const SUPPRESSED_COLUMNS = 6;
const MAX_CLASSES = 1_000;

/**
 * Describes a detector that YOLOv5 or Ultralytics exported to ONNX, from the metadata that both store in the file:
 * names, stride, imgsz, task, and whether non-maximum suppression is included.
 *
 * @returns Undefined if the file has no such metadata.
 * @throws ReigniteError SIDECAR_INVALID for an export of another task, or one whose output is not that of a detector.
 */
export function exportedDetector(path: string, model: DescribedModel): DetectionSidecar | undefined {
  const { names: noted, stride, imgsz, task = 'detect' } = model.metadata;
  const names = namesOf(noted);
  if (names === undefined || stride === undefined) return undefined;
  if (task !== 'detect') {
    throw new ReigniteError('SIDECAR_INVALID', `${path} is an export of the task ${task}, which is not supported.`, {
      remedy: 'For cells, export a model of the task `detect`, or give the .pt file of a `segment` model.',
    });
  }
  if (isRtDetr(model)) {
    throw new ReigniteError('SIDECAR_INVALID', `${path} is an export of RT-DETR, which is not supported.`, {
      remedy: 'Give a YOLO detector: RT-DETR scales images and gives boxes in another way.',
    });
  }
  const [output] = model.outputs;
  const format = output === undefined ? undefined : formatOf(output, names.length, model.metadata);
  if (format === undefined) {
    throw new ReigniteError(
      'SIDECAR_INVALID',
      `${path} names ${names.length} classes, and its output [${output?.shape ?? ''}] is not that of such a detector.`,
      { remedy: 'Export the model again, or describe it in a JSON file next to it, as docs/custom-models.md shows.' },
    );
  }
  const size = sizeOf(imgsz);
  const input = size === undefined ? {} : { input: { size } };
  return DetectionSidecar.parse({ kind: 'detection', ...input, output: { format }, labels: names });
}

/**
 * Returns whether Ultralytics exported an RT-DETR: [1, 300, 4 + classes] with boxes as shares of the image. With two
 * classes it has the columns of a detector with suppression inside. Releases before 8.4 do not note the head; then the
 * description or the operators show it.
 */
function isRtDetr({ metadata: { head, description = '' }, operators }: DescribedModel): boolean {
  if (head !== undefined) return /^RTDETR/i.test(head);
  return /rt-?detr/i.test(description) || Object.hasOwn(operators, DEFORMABLE_ATTENTION);
}

/** Operator with which RT-DETR samples feature maps. The networks of YOLO that Ultralytics publishes do not have it. */
const DEFORMABLE_ATTENTION = 'GridSample';

/** Reads class names from a dict with numbers as keys, or from a list. */
function namesOf(text: string | undefined): readonly string[] | undefined {
  const value = text === undefined ? undefined : parsePythonLiteral(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const names = Array.isArray(value)
    ? value
    : Object.entries(value)
        .sort(([a], [b]) => Number(a) - Number(b))
        .map(([, name]) => name);
  const isWhole = Array.isArray(value) || names.every((_, index) => Object.hasOwn(value, String(index)));
  const areTexts = names.every((name) => typeof name === 'string' && name !== '');
  return isWhole && areTexts && names.length > 0 && names.length <= MAX_CLASSES ? names.map(String) : undefined;
}

function sizeOf(text: string | undefined): readonly [number, number] | undefined {
  const value = text === undefined ? undefined : parsePythonLiteral(text);
  const sides = Array.isArray(value) ? value : [value, value];
  const [height, width] = sides;
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined;
}

/**
 * Determines the format from the lengths of the axes. With one class, a row of YOLOv5 has six numbers, like a row after
 * suppression; in that case the metadata decide.
 */
function formatOf(
  { shape }: DescribedValue,
  classes: number,
  metadata: DescribedModel['metadata'],
): DetectionSidecar['output']['format'] | undefined {
  const [, first, second] = shape;
  const { task } = metadata;
  if (shape.length !== 3) return undefined;
  // An export with dynamic axes may fix no length; the actual lengths are checked when it runs.
  const mayBe = (length: number | string | undefined, count: number) => length === count || typeof length === 'string';
  if (isSuppressed(metadata) && mayBe(second, SUPPRESSED_COLUMNS)) return 'end2end';
  if (task !== undefined && mayBe(first, 4 + classes)) return 'yolov8';
  if (first === 4 + classes) return 'yolov8';
  // YOLOv5 does not record the task.
  if (task === undefined && mayBe(second, 5 + classes)) return 'yolov5';
  return second === SUPPRESSED_COLUMNS ? 'end2end' : undefined;
}

function isSuppressed({ end2end, nms, args }: DescribedModel['metadata']): boolean {
  const options = args === undefined ? undefined : parsePythonLiteral(args);
  const isNmsInside = Object.entries(options ?? {}).some(([name, value]) => name === 'nms' && value === true);
  return end2end === 'True' || nms === 'True' || isNmsInside;
}

/** A value that Python's `repr` writes and `ast.literal_eval` reads; keys of a dict become strings. */
type PythonLiteral =
  | string
  | number
  | boolean
  | null
  | readonly PythonLiteral[]
  | { readonly [key: string]: PythonLiteral };

const DEEPEST = 16;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?/i;
const WORDS = new Map<string, PythonLiteral>([
  ['None', null],
  ['True', true],
  ['False', false],
]);
const ESCAPES = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
]);
/** Number of hexadecimal digits after `\\x`, `\\u` and `\\U`, with which Python writes what it cannot print. */
const DIGITS = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);
const MAX_CODE_POINT = 0x10_ff_ff;

/**
 * Reads dicts, lists, tuples, strings, numbers, `True`, `False` and `None`, as exporters write them into ONNX files.
 * Nothing is evaluated.
 *
 * @returns Undefined for any other text.
 * @example parsePythonLiteral("{0: 'nucleus'}") // { '0': 'nucleus' }
 */
export function parsePythonLiteral(text: string): PythonLiteral | undefined {
  const reader = new LiteralReader(text);
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class LiteralReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): PythonLiteral {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw new SyntaxError('More than one value');
    return value;
  }

  #value(depth: number): PythonLiteral {
    if (depth > DEEPEST) throw new SyntaxError('Too deep');
    this.#space();
    const first = this.#text[this.#at];
    if (first === '{') return this.#dict(depth);
    if (first === '[') return this.#items(']', depth);
    if (first === '(') return this.#items(')', depth);
    if (first === "'" || first === '"') return this.#string(first);
    const rest = this.#text.slice(this.#at, this.#at + 64);
    const [number] = NUMBER.exec(rest) ?? [];
    if (number !== undefined) {
      this.#at += number.length;
      return Number(number);
    }
    for (const [word, value] of WORDS) {
      if (!rest.startsWith(word)) continue;
      this.#at += word.length;
      return value;
    }
    throw new SyntaxError('No value');
  }

  #dict(depth: number): PythonLiteral {
    const entries: [string, PythonLiteral][] = [];
    this.#at++;
    while (!this.#closes('}')) {
      const key = this.#value(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number') throw new SyntaxError('No key');
      if (!this.#takes(':')) throw new SyntaxError('No colon');
      entries.push([String(key), this.#value(depth + 1)]);
      if (!this.#takes(',') && !this.#isNext('}')) throw new SyntaxError('No comma');
    }
    return Object.fromEntries(entries);
  }

  #items(end: string, depth: number): PythonLiteral {
    const items: PythonLiteral[] = [];
    this.#at++;
    while (!this.#closes(end)) {
      items.push(this.#value(depth + 1));
      if (!this.#takes(',') && !this.#isNext(end)) throw new SyntaxError('No comma');
    }
    return items;
  }

  #string(quote: string): string {
    let result = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] ?? '';
      if (character === quote) {
        this.#at++;
        return result;
      }
      if (character === '\\') {
        this.#at++;
        const escaped = this.#text[this.#at] ?? '';
        result += this.#coded(escaped) ?? ESCAPES.get(escaped) ?? escaped;
      } else result += character;
    }
    throw new SyntaxError('No end of a text');
  }

  /** Reads a character that is written as its number; undefined if `letter` does not announce one. */
  #coded(letter: string): string | undefined {
    const length = DIGITS.get(letter);
    if (length === undefined) return undefined;
    const digits = this.#text.slice(this.#at + 1, this.#at + 1 + length);
    const code = /^[\da-f]+$/i.test(digits) && digits.length === length ? Number.parseInt(digits, 16) : Number.NaN;
    if (!(code <= MAX_CODE_POINT)) throw new SyntaxError('No character');
    this.#at += length;
    return String.fromCodePoint(code);
  }

  #closes(end: string): boolean {
    return this.#takes(end);
  }

  #isNext(character: string): boolean {
    this.#space();
    return this.#text[this.#at] === character;
  }

  #takes(character: string): boolean {
    const isThere = this.#isNext(character);
    if (isThere) this.#at++;
    return isThere;
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
  }
}
