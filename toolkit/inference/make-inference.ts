import { type Made, type MakeServices, make, type Product } from '../cache/make.ts';
import type { KeyParts } from '../cache/step-cache.ts';
import { type KeyedEngine, refuseOtherEngine } from '../onnx/refuse-other-engine.ts';
import { countingDeaths } from './attempt-log.ts';

/** What a network made, and what it really ran on. */
export interface InferredProduct extends Product {
  readonly ran: Required<KeyedEngine>;
}

/** How an inference is watched. */
export interface InferenceGuard {
  /** What the key says that the network runs on. */
  readonly engine: KeyedEngine;
  /** What to do where another engine ran. */
  readonly remedy?: string;
  /** Counts attempts that die without progress, and sets the image aside after three; without it they are not counted. */
  readonly deaths?: { readonly name: string; readonly signal: AbortSignal };
}

/**
 * Makes what a network makes, once: what it really ran on is held against the key, attempts that die are counted, and a
 * killed attempt is resumed from the folder it left.
 *
 * @throws ReigniteError PROVIDER_UNAVAILABLE when the network ran on another engine, nothing is kept then;
 *   ROI_SET_ASIDE when three attempts in a row died at the same place.
 */
export function makeInference(
  services: MakeServices,
  parts: KeyParts,
  { engine, remedy, deaths }: InferenceGuard,
  infer: (folder: string) => Promise<InferredProduct>,
): Promise<Made> {
  return make(services, parts, async (folder) => {
    const attempt = () => infer(folder);
    const inferred = await (deaths === undefined
      ? attempt()
      : countingDeaths({ work: folder, roi: deaths.name, signal: deaths.signal }, attempt));
    refuseOtherEngine(inferred.ran, engine, remedy);
    return inferred;
  });
}
