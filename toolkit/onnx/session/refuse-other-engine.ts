import { ReigniteError } from '../../errors.ts';
import { type AdapterNames, adapterText } from '../provider/adapter.ts';
import type { SumsChoice } from './engine-choice.ts';

/** The engine that a cache key names for a result. */
export interface KeyedEngine extends AdapterNames {
  readonly provider: string;
  readonly ortVersion: string;
  /** See `instructionSet`; missing if the key does not name it. */
  readonly instructionSet?: string;
  /** Missing means exact. */
  readonly engine?: string;
  /** Missing means float32. */
  readonly precision?: string;
  /** Tiles per pass as configured; only for the fast engine with its sums on the GPU. */
  readonly batchSize?: number;
}

/** What a network actually ran on. */
export interface RanEngine extends Omit<KeyedEngine, keyof SumsChoice>, SumsChoice {
  readonly instructionSet: string;
}

const ONE_KIND =
  'Use the same kind of inference worker for the whole run, or choose one with `--set inference.provider=`.';

const ONE_SETTING = 'Cancel the run and start it again with the present `inference` settings.';

/**
 * Refuses a result of another engine than its cache key names, because it must never be stored under that key.
 *
 * @param ran - What the network actually ran on.
 * @param key - The engine that the key of the result names.
 * @throws ReigniteError PROVIDER_UNAVAILABLE.
 */
export function refuseOtherEngine(ran: RanEngine, key: KeyedEngine, remedy?: string): void {
  const isSameProcessor = key.instructionSet === undefined || ran.instructionSet === key.instructionSet;
  // Runs that were planned by an earlier version do not name the adapter.
  const isSameAdapter = key.adapter === undefined || (ran.adapter === key.adapter && ran.driver === key.driver);
  refuseOtherSums(ran, key, remedy ?? ONE_SETTING);
  if (ran.provider === key.provider && ran.ortVersion === key.ortVersion && isSameProcessor && isSameAdapter) return;
  const on = (engine: KeyedEngine) => {
    if (!isSameAdapter) return ` on ${adapterText(engine)}`;
    return isSameProcessor ? '' : ` on ${engine.instructionSet}`;
  };
  throw new ReigniteError(
    'PROVIDER_UNAVAILABLE',
    `This worker uses provider ${ran.provider} of ONNX Runtime ${ran.ortVersion}${on(ran)}; ` +
      `the run was planned for ${key.provider} of ${key.ortVersion}${on(key)}.`,
    { remedy: remedy ?? ONE_KIND },
  );
}

function refuseOtherSums(ran: KeyedEngine, key: KeyedEngine, remedy: string): void {
  const textOf = ({ engine = 'exact', precision = 'float32', batchSize }: KeyedEngine) =>
    `the ${engine} engine in ${precision}${batchSize === undefined ? '' : ` (inference.batchSize ${batchSize})`}`;
  if (textOf(ran) === textOf(key)) return;
  throw new ReigniteError(
    'PROVIDER_UNAVAILABLE',
    `This worker computes with ${textOf(ran)}; the run was planned for ${textOf(key)}.`,
    { remedy },
  );
}
