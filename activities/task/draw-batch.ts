import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { DrawBatchInput } from '../inputs.ts';
import { placeFigure } from './figures-of-rois.ts';
import { TaskFiles } from './task-files.ts';
import { findResult, sourcesOf, type WorkerServices, workOf } from './work-of.ts';

export interface DrawnBatch {
  readonly drawn: number;
  /** ROIs of which there is nothing to draw. */
  readonly withoutFigure: readonly string[];
}

/** Draws the figures of a batch's ROIs, one after the other, and writes down which ROIs failed. */
export function createDrawBatch(services: WorkerServices) {
  return async function drawBatch(input: DrawBatchInput): Promise<DrawnBatch> {
    const step = DrawBatchInput.parse(input);
    const { folders, batch, failures } = step;
    const kind = taskNamed(step.task);
    const files = new TaskFiles(services.home, step.stage);
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
