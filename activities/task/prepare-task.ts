import { stat } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import { mapConcurrent } from '../../toolkit/concurrency.ts';
import { fileExists } from '../../toolkit/files/file-access.ts';
import { type HomeFolders, inside } from '../../toolkit/files/folders.ts';
import { writeModelSummary } from '../../toolkit/models/model-summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import type { Content } from '../../toolkit/storage/object-store.ts';
import type { RunStorage } from '../../toolkit/storage/run-storage.ts';
import type { TaskKind } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import type { ListedRoi, NetworkSetup, TaskWork } from '../../toolkit/tasks/work.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { type ModelRef, OutstandingRoi, PlannedRoi, PlanTaskInput, PrepareModelInput } from '../inputs.ts';
import { restoreFigure } from './draw-figures.ts';
import { TaskFiles } from './task-files.ts';
import { sourcesIfThere, type WorkerServices, workOf } from './work-of.ts';

/** Prepares a task's model, once for each distinct content, and writes its description to the results. */
export function createPrepareModel({ models }: Pick<HomeFolders, 'models'>, storage?: Pick<RunStorage, 'models'>) {
  return async function prepareModel(input: PrepareModelInput): Promise<ModelRef> {
    const { task, folders, settings } = PrepareModelInput.parse(input);
    const { data, results } = folders;
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ phase: 'hashing', task }, async (report) => {
      const prepared = await taskNamed(task).prepareModel({ settings, data, models, signal, report });
      const { digest, modelDir, facts } = prepared;
      report({ phase: 'parity' });
      await writeModelSummary(modelDir, RESULTS.model.in(results, task), signal);
      await storage?.models.offer(digest, modelDir, signal);
      return { digest, ...facts };
    });
  };
}

/** ROIs looked up at the same time, so that hashing and copying for one does not delay the others. */
const MAX_CONCURRENT = 8;

export interface TaskOutline {
  readonly total: number;
  /** ROIs that are already in the cache. */
  readonly cached: number;
  readonly batches: number;
}

/** Result of looking up an ROI in the cache. */
export type CacheLookup = Pick<OutstandingRoi, 'key' | 'sources'> & {
  readonly need: OutstandingRoi['need'] | 'nothing';
};

/**
 * Lists the test set of a task and looks it up in the cache: cached results are copied to the results folder, the other
 * ROIs become batches on disk. All later activities of the task use this list with its keys and digests.
 */
export function createPlanTask(services: WorkerServices) {
  return async function planTask(input: PlanTaskInput): Promise<TaskOutline> {
    const step = PlanTaskInput.parse(input);
    const kind = taskNamed(step.task);
    const listed = await kind.listRois(step.folders.data);
    const { storage } = services;
    if (storage !== undefined) return planShared(services, storage, step, listed);
    return planRois(services, step, listed, (roi, work) => look(kind, roi, step, work));
  };
}

/** Plans the given ROIs. @param look - Looks up an ROI in the cache, and copies its result to the results folder. */
export async function planRois(
  services: WorkerServices,
  { stage, batchSize, folders }: Pick<PlanTaskInput, 'stage' | 'batchSize' | 'folders'>,
  listed: readonly ListedRoi[],
  look: (roi: ListedRoi, work: TaskWork) => Promise<CacheLookup>,
): Promise<TaskOutline> {
  return withHeartbeat({ phase: 'planning', done: 0, of: listed.length }, async (report) => {
    const work = workOf(services, folders, report);
    const files = new TaskFiles(services.home, stage, services.storage);
    let done = 0;
    const looked = await mapConcurrent(listed, MAX_CONCURRENT, work.signal, async (roi) => {
      const found = await look(roi, work);
      done += 1;
      report({ phase: 'planning', done, of: listed.length });
      return { ...roi, ...found };
    });
    const outstanding = looked.filter(({ need }) => need !== 'nothing').map((roi) => OutstandingRoi.parse(roi));
    await services.digests.save();
    await files.writePlan({ rois: looked.map((roi) => PlannedRoi.parse(roi)) });
    const batches = Math.ceil(outstanding.length / batchSize);
    for (let batch = 0; batch < batches; batch++) {
      await files.writeBatch(batch, outstanding.slice(batch * batchSize, (batch + 1) * batchSize));
    }
    const toInfer = outstanding.filter(({ need }) => need === 'infer').length;
    return { total: listed.length, cached: listed.length - toInfer, batches };
  });
}

/** Plans a task after uploading what workers without the data folder need. */
async function planShared(
  services: WorkerServices,
  storage: RunStorage,
  step: PlanTaskInput,
  listed: readonly ListedRoi[],
): Promise<TaskOutline> {
  const kind = taskNamed(step.task);
  const { data } = step.folders;
  const stored: Record<string, Content> = {};
  type Work = Pick<TaskWork, 'digests' | 'signal'>;
  const store = async (path: string, sha256: string | undefined, work: Work, found = path) => {
    const file = inside(data, found);
    if (stored[path] !== undefined || !(await fileExists(file))) return;
    const content = {
      sha256: sha256 ?? (await work.digests.sha256(file, work.signal)),
      bytes: (await stat(file)).size,
    };
    stored[path] = await storage.blobs.offer(file, content, work.signal);
  };
  const outline = await planRois(services, step, listed, async (roi, work) => {
    const looked = await look(kind, roi, step, work);
    await store(roi.image, looked.sources?.image, work);
    await store(roi.truth, looked.sources?.truth, work);
    return looked;
  });
  const work = { digests: services.digests, signal: Context.current().cancellationSignal };
  // Stored under its usual path, by which a worker on another machine finds it.
  for (const [path, found] of await kind.measuredWith(data)) await store(path, undefined, work, found);
  await storage.stages.writeList(step.stage.folder, 'data', stored);
  return outline;
}

async function look(kind: TaskKind, roi: ListedRoi, setup: NetworkSetup, work: TaskWork): Promise<CacheLookup> {
  const { cache, results } = work;
  const sources = await sourcesIfThere(roi, work);
  if (sources === undefined) return { need: 'infer' };
  const key = cache.keyOf(kind.inferenceKey(roi, sources, setup));
  const entry = await cache.find(key);
  if (entry === undefined) return { key, sources, need: 'infer' };
  await kind.restore(cache, entry, results, roi.roi);
  const figure = cache.keyOf(kind.figureKey(roi.roi, sources, entry));
  const isDrawn = await restoreFigure(cache, figure, kind.figurePath(results, roi.roi));
  return { key, sources, need: isDrawn ? 'nothing' : 'draw' };
}
