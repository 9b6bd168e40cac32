import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { RoiStem, readersFile } from '../../../toolkit/dataset/layout.ts';
import { DetectionMetrics } from '../../../toolkit/metrics/agreement.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { BOXES, POINTS } from '../../../toolkit/tasks/cells/cells.ts';
import { aggregateCells } from '../../../toolkit/tasks/cells/work.ts';
import { cellDefinition } from '../../../toolkit/tasks/registry.ts';
import type { PlannedRoi } from '../../../toolkit/tasks/work.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { writeTinyCells } from '../../support/tiny-record.ts';

const TASK = 'pdl1';
const SEEN = { model: 'm', width: 560, height: 200, tile: 512, classes: ['a', 'b', 'c'], floor: 0.05 };
const INFERRED = {
  ...{ width: 560, height: 200, provider: 'cpu', instructionSet: 'avx2', tiles: 2, seconds: 1 },
  ...{ fallbacks: [], notes: [] },
};
/** Where the readers of the tiny record mark cells, with the score that each is detected with. */
const CELLS = [0.9, 0.9, 0.9, 0.2, 0.2, 0.6].map((score, k) => ({
  x: 45 + 80 * k,
  y: 65 + 10 * k,
  label: k % 3,
  score,
}));

/** A cache with what a detector saw in the images of the tiny record, and the points above 0.5. */
async function detected(folder: string) {
  const cache = new StepCache(join(folder, 'cache'));
  const [boxes, points] = [join(folder, BOXES), join(folder, POINTS)];
  const rows = CELLS.flatMap(({ x, y, label, score }) => [0, label, score, x - 20, y - 20, x + 20, y + 20]);
  await writeNpy(boxes, { dtype: 'float32', shape: [CELLS.length, 7], data: Float32Array.from(rows) });
  const found = CELLS.filter(({ score }) => score > 0.5).flatMap(({ x, y, label }) => [x, y, label]);
  await writeNpy(points, { dtype: 'float32', shape: [found.length / 3, 3], data: Float32Array.from(found) });
  const rois: PlannedRoi[] = [];
  for (const k of [1, 2]) {
    const roi = RoiStem.parse(`${TASK}_roi_${k}`);
    const seen = await cache.store({ step: 'boxes', roi }, { [BOXES]: boxes }, { ...INFERRED, seen: SEEN });
    const facts = { ...INFERRED, points: found.length / 3, candidates: CELLS.length, boxes: seen.key };
    const { key } = await cache.store({ step: 'cells', roi }, { [POINTS]: points }, facts);
    rois.push({ roi, image: 'none.png', truth: readersFile(TASK), key });
  }
  return { cache, rois };
}

it('scores a run at every threshold from the boxes in the cache, once', async () => {
  const folder = await temporaryFolder();
  await writeTinyCells(folder, TASK);
  const { cache, rois } = await detected(folder);
  const digests = new FileDigests(join(folder, 'digests'));
  const work = { data: folder, cache, digests, signal: new AbortController().signal };
  const aggregate = (settings: object) => aggregateCells(cellDefinition(TASK), rois, work, { ...settings });
  const { sweep, metrics } = await aggregate({});
  const at = (threshold: number) => sweep?.thresholds.indexOf(threshold) ?? -1;
  expect(sweep).toMatchObject({ confidence: 0.5, paper: 0.5, iou: 0.6, images: 2 });
  expect([0.05, 0.15, 0.5, 0.7].map((threshold) => sweep?.points[at(threshold)])).toEqual([12, 12, 8, 6]);
  expect(sweep?.curves.map(({ reader }) => reader)).toEqual([1, 2, 3, 4, 5, 6].map((n) => `reader P${n}`));
  const [, ofSecond] = sweep?.curves ?? [];
  expect(ofSecond?.macro[at(0.15)]).toBeCloseTo(1, 6);
  const macro = DetectionMetrics.parse(metrics).groups['RUMC']?.f1['macro'];
  expect(ofSecond?.macro[at(0.5)]).toBe(macro?.[1]?.[3]);
  expect(sweep?.tumourProportion?.readers).toHaveLength(6);

  // What was swept once is not swept again: the boxes may be gone.
  for (const { key = '' } of rois) {
    const facts = (await cache.find(key))?.facts;
    await rm(cache.pathOf(String(Reflect.get(Object(facts), 'boxes')), BOXES));
  }
  expect((await aggregate({})).sweep).toEqual(sweep);
  expect((await aggregate({ iou: 0.3 })).sweep).toBeUndefined();
});
