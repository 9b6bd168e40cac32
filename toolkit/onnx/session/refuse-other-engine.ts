import { ReigniteError } from '../../errors.ts';

/** What a key says that a result was computed with. */
export interface KeyedEngine {
  readonly provider: string;
  readonly ortVersion: string;
  /** See `instructionSet`; only where a key names it. */
  readonly instructionSet?: string;
}

const ONE_KIND = 'Use the same kind of inference worker for the whole run, or set `--set inference.provider=`.';

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
    `This worker uses provider ${ran.provider} of ONNX Runtime ${ran.ortVersion}${on(ran.instructionSet)}; ` +
      `the run was planned for ${key.provider} of ${key.ortVersion}${on(key.instructionSet)}.`,
    { remedy },
  );
}
