import { LIMITS, type PickleContext } from './pickle-context.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Maximum decimal digits of an integer of 1,024 bytes. */
const MAX_INTEGER_DIGITS = Math.floor(LIMITS.integerBytes * 8 * Math.log10(2)) + 2;

/** Decodes UTF-8. Lone surrogates, which Python accepts, are refused. */
export function decodeUtf8(bytes: Uint8Array, context: PickleContext): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw context.corrupt('a text is not valid UTF-8', error);
  }
}

/** Parses an integer of protocol 0 or of LONG: decimal, with or without the `L` of Python 2. */
export function parseInteger(line: Uint8Array, context: PickleContext): number | bigint {
  if (line.byteLength > MAX_INTEGER_DIGITS) throw context.unsupported('an integer has too many digits');
  const text = latin1(line).trim().replace(/L$/, '');
  if (!/^[+-]?\d+$/.test(text)) throw context.corrupt(`${JSON.stringify(text.slice(0, 40))} is not an integer`);
  return narrow(text.startsWith('+') ? BigInt(text.slice(1)) : BigInt(text));
}

/** Parses a number of protocol 0, as Python's `repr` writes it. */
export function parseFloat64(line: Uint8Array, context: PickleContext): number {
  const text = latin1(line.subarray(0, 400)).trim().toLowerCase();
  const special = /^([+-]?)(inf|nan)$/.exec(text);
  if (special !== null) return special[2] === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
  if (line.byteLength > 400 || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) {
    throw context.corrupt(`${JSON.stringify(text.slice(0, 40))} is not a number`);
  }
  return Number(text);
}

/** Decodes a little-endian integer in two's complement, of any length; empty is 0. */
export function decodeInteger(bytes: Uint8Array, context: PickleContext): number | bigint {
  if (bytes.byteLength > LIMITS.integerBytes) throw context.unsupported('an integer is too large');
  if (bytes.byteLength === 0) return 0;
  const hex = Buffer.from(bytes).reverse().toString('hex');
  return narrow(BigInt.asIntN(8 * bytes.byteLength, BigInt(`0x${hex}`)));
}

/** Converts a bigint to a number if that is exact. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Decodes text with one character per byte, which is how Python 2 strings are read here. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Encodes a text whose characters are all below 256, one byte per character. */
export function latin1Bytes(text: string, context: PickleContext): Uint8Array {
  context.chargeBytes(text.length);
  const bytes = Buffer.from(text, 'latin1');
  if (latin1(bytes) !== text) {
    throw context.corrupt('a text that means bytes has other characters than Latin-1');
  }
  return new Uint8Array(bytes);
}

/** Decodes UNICODE of protocol 0: Latin-1 with \uXXXX and \UXXXXXXXX. */
export function decodeRawUnicodeEscape(line: Uint8Array, context: PickleContext): string {
  return latin1(line).replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short, long) => {
    const code = Number.parseInt(short ?? long, 16);
    if (code > 0x10ffff) throw context.corrupt('a text has a character beyond Unicode');
    return String.fromCodePoint(code);
  });
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['f', '\f'],
  ['v', '\v'],
  ['a', '\x07'],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
]);

/** Decodes STRING of protocol 0: a quoted literal with Python's escapes. */
export function decodeQuoted(line: Uint8Array, context: PickleContext): string {
  const text = latin1(line).trimEnd();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote) {
    throw context.corrupt('a text has no quotes');
  }
  return text.slice(1, -1).replace(/\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs, (whole, hex, octal, letter) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    return ESCAPES.get(letter) ?? whole;
  });
}
