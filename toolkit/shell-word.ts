/**
 * Quotes a word so that a shell passes it on whole, as in a command that a person copies.
 *
 * @example shellWord("it's.pt"); // 'it'\''s.pt'
 */
export function shellWord(word: string): string {
  return /^[\w.,:=/@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
