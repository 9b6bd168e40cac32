import { closest, distance } from 'fastest-levenshtein';

/** With a larger share of wrong characters, a word counts as a different word, not as a misspelling. */
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

/**
 * Finds the name that was probably meant.
 *
 * @returns The name with the smallest edit distance, ignoring case; undefined if more than half of the word would
 *   change.
 * @example nearestName('Stromma', ['Stroma', 'Muscle']) // 'Stroma'
 */
export function nearestName(word: string, names: readonly string[]): string | undefined {
  const wanted = word.trim().toLowerCase();
  const [best] = names
    .map((name) => ({ name, changes: distance(wanted, name.toLowerCase()) }))
    .sort((a, b) => a.changes - b.changes);
  if (best === undefined || best.changes > Math.max(wanted.length, best.name.length) / 2) return undefined;
  return best.name;
}
