/** A number with its noun: "1 ROI", "2 ROIs", "0 ROIs". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Words that are read with a consonant first although they begin with a vowel, and the other way round. */
const CONSONANT_FIRST = /^(uni|use|user|usual|eu|one\b|once\b|ubiq|uk\b|uri|url\b|utf)/i;
const VOWEL_FIRST = /^(hour|honest|heir|8|11\b|18\b|nnU|[FHLMNRSX](?![a-z]))/;

/** "a" or "an", as the next word is read: "an Ultralytics", "a YOLOv5", "an ONNX", "an H&E", "a unit". */
export function article(next: string): 'a' | 'an' {
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
