import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { make } from '../../toolkit/cache/make.ts';
import type { CacheEntry, KeyParts, StepCache } from '../../toolkit/cache/step-cache.ts';
import { folderOf } from '../../toolkit/dataset/layout.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import { Environment } from '../../toolkit/report/environment.ts';
import { RESULTS, recordEnvironment } from '../../toolkit/results/results-folder.ts';
import type { TaskKind } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import type { TaskWork } from '../../toolkit/tasks/work.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { DrawBatchInput, DrawFiguresInput, type OutstandingRoi } from '../inputs.ts';
import { TaskFiles } from './task-files.ts';
import { findResult, sourcesOf, type WorkerServices, workOf } from './work-of.ts';

/** Raised when the same metrics would be drawn differently. */
const SCHEMA = 1;

export interface DrawnFigures {
  readonly files: readonly string[];
  readonly cached: boolean;
}

/** Puts the figures over all ROIs of a task into the results folder: cached ones of the same metrics, or new ones. */
export function createDrawFigures(services: WorkerServices) {
  return async function drawFigures(input: DrawFiguresInput): Promise<DrawnFigures> {
    const { task, folders } = DrawFiguresInput.parse(input);
    return withHeartbeat({ phase: 'drawing' }, async (report) => {
      const work = workOf(services, folders, report);
      const metrics = await readFile(RESULTS.metrics.in(folders.results, task), 'utf8');
      const parts = { step: 'draw-figures', schema: SCHEMA, task, metrics: sha256Of(metrics) };
      const { entry, isCached } = await make(work, parts, async (folder) => {
        const paths = await taskNamed(task).drawFigures(JSON.parse(metrics), folder, work.signal);
        return { files: Object.fromEntries(paths.map((path) => [basename(path), path])), facts: {} };
      });
      const target = join(folders.results, folderOf('figures', task));
      const files = Object.keys(entry.files);
      for (const name of files) await work.cache.restore(entry.key, name, join(target, name));
      return { files, cached: isCached };
    });
  };
}

/** Name of the file within a cache entry. */
const FIGURE = 'figure.png';

/** Copies a cached figure to the results. Returns false if it has not been drawn yet; for an ROI without a figure, true. */
export async function restoreFigure(cache: StepCache, key: string, target: string): Promise<boolean> {
  if (cache.isInPlace(key, FIGURE, target)) return true;
  const entry = await cache.find(key);
  if (entry === undefined) return false;
  if (entry.files[FIGURE] !== undefined) await cache.restore(key, FIGURE, target);
  return true;
}

/**
 * Puts an ROI's figure into the results folder: the cached one, or a new one.
 *
 * @param draw - Writes the figure to the given path; returns false if there is nothing to draw.
 * @returns Whether there is a figure.
 */
async function placeFigure(
  work: Pick<TaskWork, 'home' | 'cache'>,
  parts: KeyParts,
  target: string,
  draw: (out: string) => Promise<boolean>,
): Promise<boolean> {
  const { entry } = await make(work, parts, async (folder) => {
    const out = join(folder, FIGURE);
    const drawn = await draw(out);
    return { files: drawn ? { [FIGURE]: out } : {}, facts: { drawn } };
  });
  if (entry.files[FIGURE] === undefined) return false;
  await work.cache.restore(entry.key, FIGURE, target);
  return true;
}

export interface DrawnBatch {
  readonly drawn: number;
  /** ROIs for which there is nothing to draw. */
  readonly withoutFigure: readonly string[];
}

/** Draws the figures of a batch's ROIs one by one, and records which ROIs failed. */
export function createDrawBatch(services: WorkerServices) {
  return async function drawBatch(input: DrawBatchInput): Promise<DrawnBatch> {
    const step = DrawBatchInput.parse(input);
    const { folders, batch, failures } = step;
    const kind = taskNamed(step.task);
    const files = new TaskFiles(services.home, step.stage, services.storage);
    const failed = new Set<string>(failures.map(({ roi }) => roi));
    const rois = (await files.readBatch(batch)).filter(({ roi }) => !failed.has(roi));
    return withHeartbeat({ phase: 'drawing', done: 0, of: rois.length }, async (report) => {
      const work = workOf(services, folders, report);
      const draw = await kind.openDrawer(work);
      const withoutFigure: string[] = [];
      for (const [index, planned] of rois.entries()) {
        work.signal.throwIfAborted();
        const { roi } = planned;
        const sources = planned.sources ?? (await sourcesOf(planned, work));
        const entry = await findResult(kind, planned, sources, step, work);
        if (entry !== undefined) await placeResult(kind, planned, entry, work);
        const isDrawn =
          entry !== undefined &&
          (await placeFigure(work, kind.figureKey(roi, sources, entry), kind.figurePath(folders.results, roi), (out) =>
            draw(planned, entry, out),
          ));
        if (!isDrawn) withoutFigure.push(roi);
        report({ phase: 'drawing', done: index + 1, of: rois.length, roi });
      }
      await files.writeFailures(batch, failures);
      return { drawn: rois.length - withoutFigure.length, withoutFigure };
    });
  };
}

const Facts = z.object({ machine: Environment });

/**
 * Copies a result to the results folder and records the machine that computed it: a worker without the results folder
 * could not. Existing files are not changed.
 */
async function placeResult(
  kind: TaskKind,
  { roi, need }: OutstandingRoi,
  entry: CacheEntry,
  { cache, results }: Pick<TaskWork, 'cache' | 'results'>,
): Promise<void> {
  await kind.restore(cache, entry, results, roi);
  const { data } = Facts.safeParse(entry.facts);
  if (need === 'infer' && data !== undefined) await recordEnvironment(results, data.machine);
}
