/** A whole number with separators of thousands: "1,995,500". */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** A number with its noun: "1 ROI", "2 ROIs", "0 ROIs", "1,200 pixels". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** Words that are read with a consonant first although they begin with a vowel, and the other way round. */
const CONSONANT_FIRST = /^(uni|use|user|usual|eu|one\b|once\b|ubiq|uk\b|uri|url\b|utf)/i;
const VOWEL_FIRST = /^(hour|honest|heir|8|11\b|18\b|nnU|[FHLMNRSX](?![a-z]))/;

/** "a" or "an", as the next word is read: "an Ultralytics", "a YOLOv5", "an ONNX", "an H&E", "a unit". */
function article(next: string): 'a' | 'an' {
  if (VOWEL_FIRST.test(next)) return 'an';
  return /^[aeiou]/i.test(next) && !CONSONANT_FIRST.test(next) ? 'an' : 'a';
}

/** The word with its article: "an Ultralytics model". */
export function withArticle(next: string): string {
  return `${article(next)} ${next}`;
}

/** "a", "a and b", "a, b and c". */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** With three digits, in powers of ten as disks and networks are sold. */
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

/** The two largest units that matter. */
export function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

/** A phrase with a capital and a full stop. */
export function asSentence(phrase: string): string {
  return `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`;
}

/** A number for a sentence: two significant digits, and a plain 0 where it is none. */
export function shortNumber(value: number): string {
  return value === 0 ? '0' : value.toPrecision(2);
}

/** A sentence without its full stop, as part of another one. */
export function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '');
}
