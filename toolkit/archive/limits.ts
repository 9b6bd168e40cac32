/** How much an archive may ask of us. */
export interface ArchiveLimits {
  /** Bytes of all members together. */
  readonly bytes: number;
  readonly files: number;
  /** Bytes out for every byte in, for members that are large. */
  readonly ratio: number;
}

/** Far above the record (8.2 GB, mostly PNG, some thousands of files), far below what fills a disk for a joke. */
export const DEFAULT_LIMITS: ArchiveLimits = { bytes: 2 ** 38, files: 1_000_000, ratio: 200 };

/** Below it a good ratio is no bomb: an empty mask or a table of zeros, in bytes. */
export const RATIO_MATTERS_FROM = 16 * 2 ** 20;
