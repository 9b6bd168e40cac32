import type { FileDigests } from '../toolkit/cache/file-digests.ts';
import type { StepCache } from '../toolkit/cache/step-cache.ts';
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

/** Writes down what this ROI was inferred on: a run may have workers on several machines. */
export async function recordInference(results: string, engine: EngineRef): Promise<void> {
  await recordEnvironment(results, environment('inference', packageVersion(), engine));
}
