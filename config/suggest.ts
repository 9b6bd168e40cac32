import { closest, distance } from 'fastest-levenshtein';

/** Beyond this share of wrong characters a word is another word, not a misspelt one. */
const MAX_WRONG_SHARE = 0.5;

/**
 * Finds the name that `word` is most likely a misspelling of.
 *
 * @returns A sentence to append, such as ` Did you mean sample?`; empty when no candidate is close.
 */
export function didYouMean(word: string, candidates: readonly string[]): string {
  if (word === '' || candidates.length === 0) return '';
  const lower = word.toLowerCase();
  const found = closest(lower, candidates);
  const isClose = distance(lower, found.toLowerCase()) <= Math.max(1, Math.floor(lower.length * MAX_WRONG_SHARE));
  return isClose ? ` Did you mean ${found}?` : '';
}
