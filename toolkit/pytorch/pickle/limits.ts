/**
 * How much a pickle may ask for. Generous for checkpoints (a large one has 200 kB and 30,000 objects),
 * and low enough that a hostile file cannot fill the memory. A file beyond them is CHECKPOINT_UNSUPPORTED.
 */
export const LIMITS = {
  /** Bytes of all pickles of a file together. */
  pickleBytes: 64 * 2 ** 20,
  /** Bytes made from values that were already read, such as arrays; sharing lets a small file ask for many. */
  derivedBytes: 64 * 2 ** 20,
  /** Lists, dicts, tuples, objects, texts and so on. */
  objects: 1_000_000,
  /** Values on the stack, marks, and entries of the memo, each. */
  slots: 1_000_000,
  /** Containers within containers. */
  depth: 1_000,
  /** Bytes of one integer. */
  integerBytes: 1_024,
  /** Axes of a tensor or an array. */
  axes: 64,
  /** Entries of a zip. */
  zipEntries: 100_000,
} as const;
