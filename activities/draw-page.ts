import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { CacheEntry, KeyParts } from '../toolkit/cache/step-cache.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { PlannedRoi, RoiFailure, StageRef } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';
import { FIGURE } from './roi-outputs.ts';
import { StageFiles } from './stage-files.ts';

export interface DrawnPage {
  readonly drawn: number;
  /** ROIs of which there is nothing to draw. */
  readonly withoutFigure: readonly string[];
}

interface Page {
  readonly stage: StageRef;
  readonly page: number;
  readonly failures: readonly RoiFailure[];
}

/**
 * Draws the figures of a page's ROIs, one after the other, and writes down which ROIs failed.
 *
 * @param draw - Whether there was something to draw.
 */
export async function drawPage(
  { home }: PlanServices,
  { stage, page, failures }: Page,
  draw: (roi: PlannedRoi) => Promise<boolean>,
): Promise<DrawnPage> {
  const files = new StageFiles(home, stage);
  const failed = new Set(failures.map(({ roi }) => roi));
  const rois = (await files.readPage(page)).filter(({ roi }) => !failed.has(roi));
  return withHeartbeat({ phase: 'drawing', done: 0, of: rois.length }, async (report) => {
    const withoutFigure: string[] = [];
    for (const [index, roi] of rois.entries()) {
      Context.current().cancellationSignal.throwIfAborted();
      if (!(await draw(roi))) withoutFigure.push(roi.roi);
      report({ phase: 'drawing', done: index + 1, of: rois.length, roi: roi.roi });
    }
    await files.writeFailures(page, failures);
    return { drawn: rois.length - withoutFigure.length, withoutFigure };
  });
}

/**
 * Puts an ROI's figure in its place: the cached one, or one that `draw` makes.
 *
 * @param draw - Writes the figure to the path it is given, unless there is nothing to draw: then it says false.
 * @returns Whether there is a figure.
 */
export async function placeFigure(
  { home, cache }: PlanServices,
  parts: KeyParts,
  target: string,
  draw: (out: string) => Promise<boolean>,
): Promise<boolean> {
  const entry = (await cache.find(cache.keyOf(parts))) ?? (await drawAndStore());
  if (entry.files[FIGURE] === undefined) return false;
  await cache.restore(entry.key, FIGURE, target);
  return true;

  async function drawAndStore(): Promise<CacheEntry> {
    const work = join(home.work, cache.keyOf(parts));
    await mkdir(work, { recursive: true });
    const out = join(work, FIGURE);
    const drawn = await draw(out);
    const stored = await cache.store(parts, drawn ? { [FIGURE]: out } : {}, { drawn });
    await rm(work, { recursive: true, force: true });
    return stored;
  }
}
