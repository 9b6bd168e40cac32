import { listed } from '../format.ts';
import type { CacheEntry, KeyParts } from './step-cache.ts';

/**
 * Explains a cache miss: compares the wanted key with entries of the same step and image (by digest).
 *
 * @param made - Entries of the cache.
 * @returns Names of the parts that differ from the nearest entry; undefined if there is no entry for the image.
 */
export function differingParts(made: readonly CacheEntry[], wanted: KeyParts): readonly string[] | undefined {
  const [nearest] = made
    .filter(({ parts }) => parts['step'] === wanted['step'] && parts['image'] === wanted['image'])
    .map(({ parts }) => differences(parts, wanted))
    .sort((a, b) => a.length - b.length);
  return nearest;
}

function differences(ours: KeyParts, wanted: KeyParts): readonly string[] {
  const names = new Set([...Object.keys(ours), ...Object.keys(wanted)]);
  return [...names].filter((name) => ours[name] !== wanted[name]).sort();
}

/** Names of key parts for messages. */
const WORDS: Readonly<Record<string, string>> = {
  adapter: 'GPU',
  batchSize: 'number of tiles at once',
  box: 'annotated box',
  driver: 'GPU driver',
  floor: 'lowest kept score',
  instructionSet: 'processor',
  iou: 'IoU threshold',
  maxValue: 'white value',
  ortVersion: 'version of ONNX Runtime',
  precision: 'number format',
  provider: 'execution provider',
  schema: 'version of reignite',
  size: 'image size',
  tile: 'tile size',
  truth: 'ground truth',
};

/** The part that distinguishes one fresh run from all others. */
const GENERATION = 'generation';

/** Returns the name of a key part for messages: "ground truth" for `truth`. */
export function partInWords(part: string): string {
  return WORDS[part] ?? part;
}

/**
 * Describes how a computed result differs from the wanted one: "with another model and tile size".
 *
 * @param parts - The result of {@link differingParts}.
 */
export function differenceInWords(parts: readonly string[]): string {
  const names = parts.filter((part) => part !== GENERATION).map(partInWords);
  const others = names.length === 0 ? [] : [`with another ${listed(names)}`];
  const fresh = parts.includes(GENERATION) ? ['outside this run, which was started with --fresh'] : [];
  return [...others, ...fresh].join(', and ');
}
