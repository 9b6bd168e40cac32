import type { FileDigests } from '../toolkit/cache/file-digests.ts';
import type { StepCache } from '../toolkit/cache/step-cache.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { packageVersion } from '../toolkit/package-version.ts';
import { environment, recordEnvironment } from '../toolkit/report/environment.ts';
import type { EngineRef } from './inputs.ts';

/** What the inference of an ROI leaves in the history. The result itself is on disk. */
export interface RoiOutcome {
  readonly roi: string;
  readonly key: string;
  /** Whether the result was there already when the attempt began. */
  readonly cached: boolean;
  readonly seconds: number;
  readonly tiles: number;
}

export interface InferServices {
  readonly home: HomeFolders;
  readonly cache: StepCache;
  readonly digests: FileDigests;
}

export type Report = (progress: object) => void;

/**
 * Results are kept under the provider that the plan named: a worker of another kind must not fill that place.
 *
 * @throws ReigniteError PROVIDER_UNAVAILABLE.
 */
export function refuseOtherEngine(
  ran: { readonly provider: string; readonly ortVersion: string },
  engine: EngineRef,
): void {
  if (ran.provider === engine.provider && ran.ortVersion === engine.ortVersion) return;
  throw new ReigniteError(
    'PROVIDER_UNAVAILABLE',
    `This worker runs ${ran.provider} of ONNX Runtime ${ran.ortVersion}; ` +
      `the run began with ${engine.provider} of ${engine.ortVersion}.`,
    { remedy: 'Use inference workers of one kind for a run, or name the provider with `--set inference.provider=`.' },
  );
}

/** Writes down what this ROI was inferred on: a run may have workers on several machines. */
export async function recordInference(results: string, engine: EngineRef): Promise<void> {
  await recordEnvironment(results, environment('inference', packageVersion(), engine));
}
