import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';

/**
 * Describes in a plain sentence what is wrong with a value, instead of zod's own messages, and suggests the likely
 * spelling if a name or value is close to an allowed one.
 *
 * @returns Undefined for problems that zod describes well enough, and for checks that have their own message.
 */
export function plainProblem(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_value': {
      const values = issue.values.map(String);
      return `expected ${anyOf(values)}.${didYouMean(String(issue.input), values)}`;
    }
    case 'invalid_type':
      return issue.input === undefined ? 'is required.' : `expected ${TYPES[issue.expected] ?? `a ${issue.expected}`}.`;
    case 'too_small':
      return `expected ${sizeText(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}.`;
    case 'too_big':
      return `expected ${sizeText(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}.`;
    case 'not_multiple_of':
      return `expected a multiple of ${issue.divisor}.`;
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(key, fieldsOf(issue.inst))).join(' ');
    default:
      return undefined;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  object: 'a group of fields',
  array: 'a list',
  boolean: 'true or false',
  string: 'text',
};

function unknownField(key: string, known: readonly string[]): string {
  return `there is no field ${key}.${didYouMean(key, known)}`;
}

function fieldsOf(schema: unknown): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function anyOf(values: readonly string[]): string {
  return values.length < 2 ? values.join() : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

function sizeText(origin: string, bound: string, size: number | bigint): string {
  if (origin === 'string') return `${bound} ${size} ${size === 1 ? 'character' : 'characters'}`;
  if (origin === 'array' || origin === 'set') return `${bound} ${size} ${size === 1 ? 'value' : 'values'}`;
  return `${bound} ${size}`;
}

/** Fields of configurations written before the release of 0.1.0, with their current names. */
export const RENAMED_FIELDS: Readonly<Record<string, string>> = {
  'verdict.he.sameDiffering': 'verdict.he.reproduced.maxDifferingFraction',
  'verdict.he.sameMargin': 'verdict.he.reproduced.maxConfidence',
  'verdict.he.nearDiffering': 'verdict.he.tolerance.maxDifferingFraction',
  'verdict.he.nearMargin': 'verdict.he.tolerance.maxConfidence',
  'verdict.he.nearMarginShare': 'verdict.he.tolerance.minLowConfidenceFraction',
  'verdict.he.nearDice': 'verdict.he.tolerance.maxDiceDifference',
  'verdict.he.halfPrecisionMargin': 'verdict.he.maxHalfPrecisionConfidence',
  'verdict.he.smallClass': 'verdict.he.minClassPixels',
  'verdict.cells.sameDistance': 'verdict.cells.reproduced.maxDistance',
  'verdict.cells.sameScore': 'verdict.cells.reproduced.maxScoreDifference',
  'verdict.cells.nearDistance': 'verdict.cells.tolerance.maxDistance',
  'verdict.cells.nearMatched': 'verdict.cells.tolerance.minMatchedFraction',
  'verdict.cells.nearF1': 'verdict.cells.tolerance.maxF1Difference',
  'zenodo.serve': 'zenodo.serveFrom',
  'zenodo.stallSeconds': 'zenodo.stallTimeoutSeconds',
  'zenodo.patienceSeconds': 'zenodo.retryTimeoutSeconds',
  'zenodo.spaceSeconds': 'zenodo.diskFullTimeoutSeconds',
  'temporal.throttleSeconds': 'temporal.heartbeatThrottleSeconds',
  'temporal.window': 'temporal.maxConcurrentRois',
  'temporal.pageSize': 'temporal.batchSize',
  'ledger.full': 'discrepancies.full',
};

/**
 * Finds the fields of a configuration that have been renamed.
 *
 * @param fields - A configuration before validation.
 * @returns Pairs of old and new name, in the order of the table; empty if no field was renamed.
 * @example renamedFields({ temporal: { window: 8 } }) // [['temporal.window', 'temporal.maxConcurrentRois']]
 */
export function renamedFields(fields: unknown): readonly (readonly [string, string])[] {
  return Object.entries(RENAMED_FIELDS).filter(([path]) => hasField(fields, path.split('.')));
}

function hasField(fields: unknown, [name = '', ...inner]: readonly string[]): boolean {
  if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, name)) return false;
  return inner.length === 0 || hasField(Reflect.get(fields, name), inner);
}

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
