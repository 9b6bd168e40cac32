/**
 * Limits of what a pickle may use. Generous for checkpoints (a large one has 200 kB and 30,000 objects), but low enough
 * that a hostile file cannot exhaust the memory. A file that exceeds one is CHECKPOINT_UNSUPPORTED.
 */
export const LIMITS = {
  /** Total bytes of all pickles of a file. */
  pickleBytes: 64 * 2 ** 20,
  /** Bytes created from values that were already read, such as arrays. Because of sharing, a small file can request many. */
  derivedBytes: 64 * 2 ** 20,
  /** Lists, dicts, tuples, objects, strings and so on. */
  objects: 1_000_000,
  /** Values on the stack, marks, and memo entries (this many of each). */
  slots: 1_000_000,
  /** Levels of nested containers. */
  depth: 1_000,
  /** Bytes of one integer. */
  integerBytes: 1_024,
  /** Axes of a tensor or an array. */
  axes: 64,
  /** Entries of a zip. */
  zipEntries: 100_000,
} as const;
