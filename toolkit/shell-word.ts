/**
 * Quotes a word for a shell, for commands that the user copies.
 *
 * @example shellWord("it's.pt"); // 'it'\''s.pt'
 */
export function shellWord(word: string): string {
  return /^[\w.,:=/@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
