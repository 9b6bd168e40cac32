import { join } from 'node:path';
import type { CellPoint } from '../toolkit/dataset/cell-point.ts';
import { readersFile } from '../toolkit/dataset/layout.ts';
import { type BoxCentre, readReaderAnnotations } from '../toolkit/dataset/readers-annotations.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { inside } from '../toolkit/files/inside.ts';
import { evaluateDetection } from '../toolkit/metrics/agreement.ts';
import { pointsOf } from './draw-cells.ts';
import { withHeartbeat } from './heartbeat.ts';
import { AggregateCellsInput } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';
import { entryOf } from './planned-entry.ts';
import { StageFiles } from './stage-files.ts';

export interface CellsOutcome {
  readonly images: number;
  /** What the numbers leave out, or take in a way that needs saying; the list is in metrics/<task>.remarks.json. */
  readonly remarks: number;
}

/** Compares readers and AI and writes metrics/<task>.json. An image that failed is left out of every pair. */
export function createAggregateCells({ home, cache }: Pick<PlanServices, 'home' | 'cache'>) {
  return async function aggregateCells(input: AggregateCellsInput): Promise<CellsOutcome> {
    const { task, folders, stage, pages } = AggregateCellsInput.parse(input);
    const files = new StageFiles(home, stage);
    const { rois } = await files.readPlan();
    const failed = new Set((await files.readFailures(pages)).map(({ roi }) => roi));
    return withHeartbeat({ phase: 'comparing', of: rois.length }, async () => {
      const found = new Map<string, readonly CellPoint[]>();
      for (const planned of rois.filter(({ roi }) => !failed.has(roi))) {
        found.set(planned.roi, await pointsOf({ cache }, await entryOf(cache, planned), task));
      }
      const file = inside(folders.data, readersFile(task));
      const evaluated = async (centre: BoxCentre) => {
        const all = await readReaderAnnotations(file, task, centre);
        const annotations = { ...all, images: all.images.filter(({ stem }) => found.has(stem)) };
        return { annotations, ...evaluateDetection({ task, annotations, points: (stem) => found.get(stem) }) };
      };
      const { annotations, metrics, remarks } = await evaluated('first');
      const { metrics: corrected } = await evaluated('own');
      const write = (name: string, value: unknown) =>
        writeFileAtomic(join(folders.results, 'metrics', name), `${JSON.stringify(value, null, 1)}\n`);
      await write(`${task}.remarks.json`, remarks);
      await write(`${task}.json`, { ...metrics, corrected });
      return { images: annotations.images.length, remarks: remarks.length };
    });
  };
}
