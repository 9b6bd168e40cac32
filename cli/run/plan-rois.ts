import type { EngineRef, RunInput } from '../../activities/inputs.ts';
import { TaskSettings } from '../../config/task-config.ts';
import type { Task } from '../../config/tasks.ts';
import type { FileDigests } from '../../toolkit/cache/file-digests.ts';
import type { CacheEntry, KeyParts, StepCache } from '../../toolkit/cache/step-cache.ts';
import { differenceInWords, differingParts } from '../../toolkit/cache/why-missed.ts';
import { unlessMissing } from '../../toolkit/files/file-access.ts';
import { inside } from '../../toolkit/files/folders.ts';
import { imageSize } from '../../toolkit/image/open-image.ts';
import { adapterOf } from '../../toolkit/onnx/provider/probe.ts';
import { type AdapterNames, isRealGpu, type Provider, precisionOn } from '../../toolkit/onnx/session/engine-choice.ts';
import { ortVersion } from '../../toolkit/onnx/session/environment.ts';
import type { KnownModel } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import type { ListedRoi } from '../../toolkit/tasks/work.ts';

/** An ROI before a run. */
export interface RoiPlan {
  readonly roi: string;
  readonly state: 'cached' | 'outstanding';
  /** Why it has to be computed. */
  readonly reason?: string;
  /** Tiles of the sliding window; missing if the image is not on this machine. */
  readonly tiles?: number;
}

export interface PlanRoiServices {
  readonly cache: StepCache;
  readonly digests: FileDigests;
  /** All entries of the cache. */
  readonly made: readonly CacheEntry[];
  readonly signal: AbortSignal;
}

/**
 * Looks up every ROI of a task in the cache, as the run itself will; copies and computes nothing.
 *
 * @returns Undefined if the list of ROIs is not available yet.
 */
export async function planRois(
  task: Task,
  input: RunInput,
  model: KnownModel,
  services: PlanRoiServices,
): Promise<readonly RoiPlan[] | undefined> {
  const rois = await unlessMissing(taskNamed(task).listRois(input.folders.data));
  if (rois === undefined) return undefined;
  const plans: RoiPlan[] = [];
  for (const roi of rois) plans.push(await planRoi(task, input, roi, model, services));
  await services.digests.save();
  return plans;
}

async function planRoi(
  task: Task,
  input: RunInput,
  roi: ListedRoi,
  model: KnownModel,
  { cache, digests, made, signal }: PlanRoiServices,
): Promise<RoiPlan> {
  signal.throwIfAborted();
  const { data } = input.folders;
  const image = inside(data, roi.image);
  const imageSha256 = await unlessMissing(digests.sha256(image, signal));
  const truthSha256 = await unlessMissing(digests.sha256(inside(data, roi.truth), signal));
  if (imageSha256 === undefined || truthSha256 === undefined)
    return outstanding(roi.roi, 'its files are not downloaded yet');
  const size = await imageSize(image).catch(() => undefined);
  const tiles = size === undefined ? {} : { tiles: taskNamed(task).passesOf(size, model) };
  if (model.digest === undefined) {
    const own = input.config[task].model !== undefined;
    return outstanding(roi.roi, own ? 'a custom model is checked when the run starts' : 'no model yet', tiles);
  }
  const ref = { digest: model.digest };
  const kind = taskNamed(task);
  const sources = { image: imageSha256, truth: truthSha256 };
  const engines = await enginesOf(input);
  const setups = engines.map((provider) => {
    const engine = {
      ...provider,
      ortVersion: ortVersion(),
      ...choiceOf(task, provider.provider, input.config.inference),
    };
    return { model: ref, engine, settings: TaskSettings.parse(input.config[task]) };
  });
  const keys = setups.map((setup) => kind.inferenceKey(roi, sources, setup));
  const isThere = async (parts: KeyParts | undefined) =>
    parts !== undefined && (await cache.find(cache.keyOf(parts))) !== undefined;
  for (const parts of keys) if (await isThere(parts)) return { roi: roi.roi, state: 'cached', ...tiles };
  for (const setup of setups) {
    if (!(await isThere(kind.networkKey(sources, setup)))) continue;
    return outstanding(roi.roi, `${reasonOf(made, keys.at(-1), cache)}; needs no inference`, { tiles: 0 });
  }
  return outstanding(roi.roi, reasonOf(made, keys.at(-1), cache), tiles);
}

function outstanding(roi: string, reason: string, tiles: { readonly tiles?: number } = {}): RoiPlan {
  return { roi, state: 'outstanding', reason, ...tiles };
}

/** Returns the engine settings in the key: only segmentation has a choice of engine; detectors run in batches on a GPU. */
function choiceOf(
  task: Task,
  provider: Provider,
  { engine, precision, batchSize }: RunInput['config']['inference'],
): Pick<EngineRef, 'engine' | 'precision' | 'batchSize'> {
  const { takes } = taskNamed(task);
  if (takes.detection) return { engine: 'exact', ...(provider !== 'cpu' && { batchSize }) };
  if (engine === 'exact' || !takes.labels) return { engine: 'exact' };
  return { engine, precision: precisionOn(provider, precision), ...(provider === 'cuda' && { batchSize }) };
}

/** Lists the possible engines: `auto` uses the first that works, which only the worker can determine. */
async function enginesOf({ config }: RunInput): Promise<readonly (AdapterNames & { readonly provider: Provider })[]> {
  const { provider, deviceId } = config.inference;
  if (provider !== 'auto') return [{ provider, ...(await adapterOf(provider, deviceId)) }];
  const cuda = { provider: 'cuda' as const, ...(await adapterOf('cuda', deviceId)) };
  if (deviceId > 0) return [cuda];
  const preferred = [cuda, { provider: 'webgpu' as const, ...(await adapterOf('webgpu')) }];
  return [...preferred.filter(isRealGpu), { provider: 'cpu' }];
}

function reasonOf(made: readonly CacheEntry[], wanted: KeyParts | undefined, cache: StepCache): string {
  const other = wanted === undefined ? undefined : differingParts(made, cache.completed(wanted));
  return other === undefined ? 'not computed before' : `computed before ${differenceInWords(other)}`;
}
