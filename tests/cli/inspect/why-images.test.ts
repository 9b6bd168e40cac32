import { expect, it } from 'vitest';
import { TaskFiles } from '../../../activities/task/task-files.ts';
import type { RunStep } from '../../../cli/inspect/run-steps.ts';
import { explainRois } from '../../../cli/inspect/why-images.ts';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { RoiStem } from '../../../toolkit/dataset/layout.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const RUN = { id: 'reproduce/1/x/d', digest: 'd' };
const SUMMARY = { run: RUN.id, record: '1', profile: 'x', digest: 'd', status: 'running', tasks: {} } as const;
const ROI = {
  roi: RoiStem.parse('a_he_roi1'),
  image: 'images/he/a_he_roi1.png',
  truth: 'annotations/he/a_he_roi1.png',
};
const PARTS = { step: 'infer', image: 'i', model: 'm' };
const STEP: RunStep = {
  ...{
    workflow: `${RUN.id}/he/0`,
    execution: 'b',
    event: 5,
    step: 'inferRoi',
    summary: ROI.roi,
    attempts: 1,
    worker: 'w',
  },
  ...{ scheduled: null, started: null, closed: null, queueSeconds: null, runSeconds: null, peakMemoryBytes: null },
  outcome: 'completed',
};

/**
 * Explains the ROI of a run whose newest plan has it.
 *
 * @param run.isOutstanding - Whether that plan found no result in the cache.
 * @param run.isDone - Whether the run has computed the ROI.
 * @param run.generation - Of a run that was started with `--fresh`.
 */
async function explained(run: {
  readonly isOutstanding: boolean;
  readonly isDone: boolean;
  readonly generation?: string;
}) {
  const home = homeFolders(await temporaryFolder());
  const { generation, isDone, isOutstanding } = run;
  const [shared, own] = [new StepCache(home.cache), new StepCache(home.cache, generation)];
  await shared.store(PARTS, {}, {});
  if (isDone) await own.store(PARTS, {}, {});
  const files = new TaskFiles(home, { folder: `${RUN.digest}/e/he` });
  const planned = { ...ROI, key: own.keyOf(PARTS) };
  await files.writePlan({ rois: [planned] });
  if (isOutstanding) await files.writeBatch(0, [{ ...planned, need: 'infer' }]);
  const stage = { workflow: `${RUN.id}/he`, execution: 'e', startedMs: 0, steps: [] };
  const batch = { workflow: `${RUN.id}/he/0`, execution: 'b', startedMs: 1, steps: isDone ? [STEP] : [] };
  const summary = { ...SUMMARY, ...(generation !== undefined && { generation }) };
  const [answer] = await explainRois(ROI.roi, { ...RUN, parts: [stage, batch], summary }, home);
  return [answer?.state, answer?.because];
}

it('says that --fresh is why an ROI has to be computed', async () => {
  expect(await explained({ isOutstanding: true, isDone: false, generation: 'g' })).toEqual([
    'outstanding',
    'The run was started with --fresh: it uses no earlier result.',
  ]);
});

it('calls an ROI computed that the run computed before it was resumed', async () => {
  expect(await explained({ isOutstanding: false, isDone: true, generation: 'g' })).toEqual([
    'computed',
    'It was computed again because of --fresh.',
  ]);
  expect(await explained({ isOutstanding: false, isDone: true })).toEqual([
    'computed',
    'Its image had not been predicted before.',
  ]);
});

it('calls an ROI cached that the run found in the cache', async () => {
  expect(await explained({ isOutstanding: false, isDone: false })).toEqual([
    'cached',
    'It came from the cache, computed from the same inputs: image i, model m.',
  ]);
});
