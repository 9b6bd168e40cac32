import type { TemporalBuild } from './release.ts';

export interface FetchOptions {
  readonly build: TemporalBuild;
  /** An empty folder to work in, on the file system of the cache. */
  readonly folder: string;
  /** Give up when nothing arrives for so long. */
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A way to get the Temporal CLI over the network. */
export interface FetchWay {
  /** As in "fetched from ...". */
  readonly name: string;
  /**
   * @returns Path of the executable, verified, in `folder`.
   * @throws Error which says in a few words why this way is closed.
   */
  readonly fetch: (options: FetchOptions) => Promise<string>;
}
