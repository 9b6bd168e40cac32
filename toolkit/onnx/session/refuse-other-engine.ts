import { ReigniteError } from '../../errors.ts';
import { type AdapterNames, adapterText } from '../provider/adapter.ts';
import type { SumsChoice } from './engine-choice.ts';

/** What a key says that a result was computed with. */
export interface KeyedEngine extends AdapterNames {
  readonly provider: string;
  readonly ortVersion: string;
  /** See `instructionSet`; only where a key names it. */
  readonly instructionSet?: string;
  /** Missing means exact. */
  readonly engine?: string;
  /** Missing means float32. */
  readonly precision?: string;
  /** Tiles at once as configured; only of the fast engine with its sums on the GPU. */
  readonly batchSize?: number;
}

/** What a network really ran on. */
export interface RanEngine extends Omit<KeyedEngine, keyof SumsChoice>, SumsChoice {
  readonly instructionSet: string;
}

const ONE_KIND =
  'Use the same kind of inference worker for the whole run, or choose one with `--set inference.provider=`.';

const ONE_SETTING = 'Cancel the run and start it again with the present `inference` settings.';

/**
 * A result is kept under the engine that its key names: what another one computed must never be stored there.
 *
 * @param ran - What the network really ran on.
 * @param key - What the key of the result says.
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
