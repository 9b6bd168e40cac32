/** A value that Python's `repr` writes and `ast.literal_eval` reads; keys of a dict become strings. */
export type PythonLiteral =
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
        result += ESCAPES.get(escaped) ?? escaped;
      } else result += character;
    }
    throw new SyntaxError('No end of a text');
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
