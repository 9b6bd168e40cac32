import { ReigniteError } from '../../errors.ts';

/** What a key says that a result was computed with. */
export interface KeyedEngine {
  readonly provider: string;
  readonly ortVersion: string;
  /** See `instructionSet`; only where a key names it. */
  readonly instructionSet?: string;
}

const ONE_KIND = 'Use inference workers of one kind for a run, or name the provider with `--set inference.provider=`.';

/**
 * A result is kept under the engine that its key names: what another one computed must never be stored there.
 *
 * @param ran - What the network really ran on.
 * @param key - What the key of the result says.
 * @throws ReigniteError PROVIDER_UNAVAILABLE.
 */
export function refuseOtherEngine(ran: Required<KeyedEngine>, key: KeyedEngine, remedy = ONE_KIND): void {
  const isSameProcessor = key.instructionSet === undefined || ran.instructionSet === key.instructionSet;
  if (ran.provider === key.provider && ran.ortVersion === key.ortVersion && isSameProcessor) return;
  const on = (processor: string | undefined) => (isSameProcessor ? '' : ` on ${processor}`);
  throw new ReigniteError(
    'PROVIDER_UNAVAILABLE',
    `This worker runs ${ran.provider} of ONNX Runtime ${ran.ortVersion}${on(ran.instructionSet)}; ` +
      `the run began with ${key.provider} of ${key.ortVersion}${on(key.instructionSet)}.`,
    { remedy },
  );
}
