import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { packageVersion } from '../../config/package-files.ts';
import type { Task } from '../../config/tasks.ts';
import type { CacheKey } from '../../toolkit/cache/step-cache.ts';
import type { RoiStem } from '../../toolkit/dataset/layout.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { inside } from '../../toolkit/files/folders.ts';
import type { ModelJob } from '../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { adapterNames, type Engine, refuseOtherEngine } from '../../toolkit/onnx/session/engine-choice.ts';
import type { PredictionEngines } from '../../toolkit/predict/prediction.ts';
import { environment } from '../../toolkit/report/environment.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import {
  type Measured,
  type NetworkSession,
  type PlannedRoi,
  type RoiSources,
  recalledEntryOf,
  type TaskWork,
} from '../../toolkit/tasks/work.ts';
import {
  bringAsNeeded,
  bringModel,
  bringRoi,
  type Elsewhere,
  elsewhere,
  orGiveBack,
  orToSuitableWorker,
} from '../hand-over.ts';
import { countingTiles, withHeartbeat } from '../heartbeat.ts';
import {
  type EngineRef,
  InferRoiInput,
  type MeasureOutcome,
  MeasureTaskInput,
  ProbeInput,
  type RunFolders,
  type StageRef,
} from '../inputs.ts';
import { TaskFiles } from './task-files.ts';
import { sessionOf, sourcesOf, type WorkerServices, workOf } from './work-of.ts';

/** What the history keeps of an ROI's inference. The result itself is on disk. */
export interface RoiOutcome {
  readonly roi: RoiStem;
  readonly key: CacheKey;
  /** Whether the result was already in the cache when the attempt started. */
  readonly cached: boolean;
  readonly seconds: number;
  readonly tiles: number;
}

export interface InferServices extends WorkerServices {
  readonly engines: PredictionEngines;
}

const Facts = z.object({ seconds: z.number(), tiles: z.int() });

/**
 * Infers one ROI, scores it if its kind of task has scores per ROI, and writes its files to the results folder.
 *
 * May be killed at any time: the next attempt resumes from the finished tiles, or takes the cache entry.
 */
export function createInferRoi({ engines, ...services }: InferServices) {
  return async function inferRoi(input: InferRoiInput): Promise<RoiOutcome> {
    const step = InferRoiInput.parse(input);
    const { task, roi, model, engine, settings } = step;
    const {
      log,
      cancellationSignal,
      info: { attempt },
    } = Context.current();
    const away = elsewhere(services);
    return withHeartbeat({ roi, phase: 'reading' }, async (beat) => {
      const report = countingTiles((progress) => beat({ roi, ...progress }));
      const folders = away === undefined ? step.folders : await bring(away, step, cancellationSignal);
      const work = workOf(services, folders, report);
      const { signal, cache, home } = work;
      const kind = taskNamed(task);
      const sources = await sourcesOf(step, work);
      refuseChanged(step, sources);
      const setup = { model, engine, settings };
      const job = {
        roi,
        image: inside(folders.data, step.image),
        truth: inside(folders.data, step.truth),
        box: step.box,
        imageSha256: sources.image,
        following: followingOf(step, folders.data, attempt),
        modelDir: join(home.models, model.digest),
        session: sessionOf(step.inference),
        settings,
        signal,
        report,
      };
      const once = {
        parts: kind.inferenceKey(step, sources, setup),
        setup,
        // A run may have workers on several machines, some without its results folder.
        guard: {
          engine,
          crashes: { name: roi, signal },
          facts: { machine: environment('inference', packageVersion(), engine) },
        },
        services: work,
        onStart: () => log.info('inference starts'),
      };
      const { entry, isCached } = await orToSuitableWorker(async () => {
        refuseOtherEngine(await engineHere(engines, task, probeJob(job.modelDir, job.session), signal), engine);
        return kind.infer(job, once, engines);
      });
      if (away === undefined) await kind.restore(cache, entry, folders.results, roi);
      else await away.scratch.trim();
      const { key } = entry;
      if (isCached) return { roi, key, cached: true, seconds: 0, tiles: 0 };
      const { seconds, tiles } = Facts.parse(entry.facts);
      log.info('inference is in the cache', { key, tiles, seconds });
      return { roi, key, cached: false, seconds, tiles };
    });
  };
}

type EngineProbe = (engines: PredictionEngines, task: Task, job: ModelJob, signal: AbortSignal) => Promise<Engine>;

/** What networks run on in this process, by task and job. */
const PROBED = new WeakMap<PredictionEngines, Map<string, Engine>>();

/** Determines what a network runs on here, and remembers it. */
const probeEngine: EngineProbe = async (engines, task, job, signal) => {
  const engine = await taskNamed(task).probe(engines, job, signal);
  const probed = PROBED.get(engines) ?? new Map<string, Engine>();
  PROBED.set(engines, probed.set(JSON.stringify([task, job]), engine));
  return engine;
};

/** Returns what a network runs on here, so that no ROI is computed first and refused afterwards. */
const engineHere: EngineProbe = async (engines, task, job, signal) =>
  PROBED.get(engines)?.get(JSON.stringify([task, job])) ?? probeEngine(engines, task, job, signal);

/** A network is probed on one thread: its kernels do not depend on their number. */
function probeJob(modelDir: string, session: NetworkSession): ModelJob {
  return { ...session, modelDir, threads: 1 };
}

/**
 * Returns the image of the next ROI. Undefined after a failed attempt: if the process died while it decoded that image,
 * this ROI must not fail for it again.
 */
function followingOf({ following }: InferRoiInput, data: string, attempt: number): string | undefined {
  return following === undefined || attempt > 1 ? undefined : inside(data, following);
}

async function bring(away: Elsewhere, step: InferRoiInput, signal: AbortSignal): Promise<InferRoiInput['folders']> {
  return orGiveBack(async () => {
    await bringModel(away, step.model.digest, signal);
    return bringRoi(away, step, step.folders, signal);
  });
}

/** Rejects files that changed after planning: later activities use the planned cache key. */
function refuseChanged({ roi, sources }: InferRoiInput, now: RoiSources): void {
  if (sources === undefined || (sources.image === now.image && sources.truth === now.truth)) return;
  throw new ReigniteError('FILE_MISSING', `ROI ${roi}: its image or its ground truth changed after planning.`, {
    remedy: 'Run the same command again; the ROI is planned with the present files.',
  });
}

export interface ProbedEngine extends EngineRef {
  /** Providers that were tried before, with the reason why they do not work here. */
  readonly fallbacks: readonly string[];
}

/** Services that the probe needs. */
type ProbeServices = Pick<WorkerServices, 'home' | 'storage' | 'scratch'>;

/** Determines the engine of a task's network, before results are looked up by it. */
export function createProbeInference(services: ProbeServices, engines: PredictionEngines) {
  return async function probeInference(input: ProbeInput): Promise<ProbedEngine> {
    const { task, model, inference } = ProbeInput.parse(input);
    const { cancellationSignal: signal, log } = Context.current();
    const { home } = services;
    const away = elsewhere(services);
    return withHeartbeat({ phase: 'probing', provider: inference.provider }, async () => {
      if (away !== undefined) await orGiveBack(() => bringModel(away, model.digest, signal));
      const job = probeJob(join(home.models, model.digest), sessionOf(inference));
      const { provider, ortVersion, fallbacks, ...more } = await probeEngine(engines, task, job, signal);
      const names = adapterNames(more);
      if (fallbacks.length > 0) log.info('execution provider', { provider, ...names, fallbacks });
      // A task that the fast engine does not speed up uses the cache key of the exact one.
      const { engine = 'exact', precision, batchSize } = more;
      const choice = { ...(precision !== undefined && { precision }), ...(batchSize !== undefined && { batchSize }) };
      return { provider, ...names, ortVersion, engine, ...choice, fallbacks };
    });
  };
}

/** Infers what the discrepancy report needs of a task; ROIs that were inferred before come from the cache. */
export function createMeasureTask({ engines, ...services }: InferServices) {
  return async function measureTask(input: MeasureTaskInput): Promise<MeasureOutcome> {
    const { task, folders, settings, inference, full, stage, batches } = MeasureTaskInput.parse(input);
    return withHeartbeat({ phase: 'measuring', task }, async (report) => {
      const files = new TaskFiles(services.home, stage, services.storage);
      const listed = (await files.readPlan()).rois;
      const rois = await files.readDone(batches);
      const session = sessionOf(inference);
      const measure = (work: TaskWork) =>
        taskNamed(task).measure({ listed, rois, settings, session, isFull: full, work }, engines);
      const away = elsewhere(services);
      return orToSuitableWorker(() => {
        if (away === undefined) return measure(workOf(services, folders, report));
        return orGiveBack(() => measureElsewhere(away, { stage, folders, rois }, services, report, measure));
      });
    });
  };
}

interface MeasuredStage {
  readonly stage: StageRef;
  readonly folders: RunFolders;
  readonly rois: readonly PlannedRoi[];
}

/** Fetches model and files, and uploads what was written for the results folder. */
async function measureElsewhere(
  away: Elsewhere,
  { stage, folders, rois }: MeasuredStage,
  services: WorkerServices,
  report: (progress: object) => void,
  measure: (work: TaskWork) => Promise<Measured>,
): Promise<Measured> {
  const { signal } = workOf(services, folders, report);
  const here = await bringAsNeeded(away, stage, folders, signal);
  const work = { ...workOf(services, here.folders, report), need: here.need };
  const [first] = rois;
  const digest = first && (await recalledEntryOf(work.cache, first)).parts['model'];
  if (digest !== undefined) await bringModel(away, String(digest), signal);
  const measured = await measure(work);
  await away.storage.stages.sendResults(stage.folder, here.folders.results, signal);
  await away.scratch.trim();
  return measured;
}
