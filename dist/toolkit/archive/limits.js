/** Far above the record (8.2 GB, mostly PNG, some thousands of files), far below what fills a disk for a joke. */
export const DEFAULT_LIMITS = { bytes: 2 ** 38, files: 1_000_000, ratio: 200 };
/** Below it a good ratio is no bomb: an empty mask or a table of zeros, in bytes. */
export const RATIO_MATTERS_FROM = 16 * 2 ** 20;
