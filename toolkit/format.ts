/** Formats a whole number with thousands separators: "1,995,500". */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** Formats a number with its noun: "1 ROI", "2 ROIs", "0 ROIs", "1,200 pixels". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** Words that start with a vowel but sound like a consonant, and the other way round. */
const CONSONANT_FIRST = /^(uni|use|user|usual|eu|one\b|once\b|ubiq|uk\b|uri|url\b|utf)/i;
const VOWEL_FIRST = /^(hour|honest|heir|8|11\b|18\b|nnU|[FHLMNRSX](?![a-z]))/;

/**
 * Returns "a" or "an", depending on how the next word sounds: "an Ultralytics", "a YOLOv5", "an ONNX", "an H&E", "a
 * unit".
 */
function article(next: string): 'a' | 'an' {
  if (VOWEL_FIRST.test(next)) return 'an';
  return /^[aeiou]/i.test(next) && !CONSONANT_FIRST.test(next) ? 'an' : 'a';
}

/** Returns the word with its article: "an Ultralytics model". */
export function withArticle(next: string): string {
  return `${article(next)} ${next}`;
}

/** Joins names: "a", "a and b", "a, b and c". */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Lists the first names and the number of others: "a, b, c and 4 more". */
export function firstOf(names: readonly string[], count = 3): string {
  const more = names.length - count;
  return `${names.slice(0, count).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Escapes a text, so that a regular expression finds it literally. */
export function escapedForRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Formats bytes with three digits, in powers of ten. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Formats a duration in its two largest units. */
export function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

/** Adds a capital letter and a full stop to a phrase. */
export function asSentence(phrase: string): string {
  return `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`;
}

/** Formats a number for a sentence: two significant digits, or a plain 0. */
export function shortNumber(value: number): string {
  return value === 0 ? '0' : value.toPrecision(2);
}

/**
 * Formats a share from 0 to 1 as percent with two significant digits. A share just below 1 gets two decimal places, so
 * that it is not printed as 100 %.
 *
 * @example percentText(0.0123); // '1.2 %'
 */
export function percentText(share: number): string {
  const percent = 100 * share;
  if (percent === 0 || percent === 100) return `${percent} %`;
  // `toPrecision` writes smaller numbers, and those from 99.5 on, with an exponent.
  if (percent < 1e-6) return 'less than 0.000001 %';
  if (percent < 99.5) return `${percent.toPrecision(2)} %`;
  return percent < 99.995 ? `${percent.toFixed(2)} %` : 'more than 99.99 %';
}

/** Removes the full stop of a sentence, to make it part of another one. */
export function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

/**
 * Quotes a word for a shell, for commands that the user copies.
 *
 * @example shellWord("it's.pt"); // 'it'\''s.pt'
 */
export function shellWord(word: string): string {
  return /^[\w.,:=/@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Formats a text as one field of CSV, quoted if it contains commas, quotes or line breaks.
 *
 * @see RFC 4180
 * @example csvField('tumour, invasive'); // "tumour, invasive" in quotes
 */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
