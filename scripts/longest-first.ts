import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Test files that take longest, the longest first. They start before all others, so that none of them runs alone at the
 * end, while a processor is idle.
 */
export const LONGEST = [
  'cli/run',
  'cli/predict-run',
  'cli/open-runs',
  'docs/guides',
  'cli/cancel',
  'cli/lost-server',
  'cli/side-by-side',
  'cli/set-aside',
  'cli/strangers',
  'cli/predict-folder',
  'package/package',
  'runtime/server/embedded-server',
  'cli/one-run',
  'cli/predict-folds',
  'cli/fourth-task',
  'runtime/workers/stop',
  'cli/readings',
  'toolkit/nnunet/fast/fast-v2',
  'cli/predict-slide',
  'toolkit/nnunet/roi-segmenter',
  'cli/predict',
  'cli/interruption',
  'workflows/scale',
  'activities/task/infer-roi-cells',
  'toolkit/nnunet/v2/hostile',
  'runtime/workers/drain',
  'cli/custom-models',
  'cli/private-home',
  'runtime/run/run-schedules',
  'cli/verdict',
  'cli/commands',
  'cli/odd-records',
  'activities/acquire/fault-schedules',
  'activities/hand-over',
  'toolkit/files/lease-race',
].map((name) => `tests/${name}.test.ts`);

/** Orders test files: the longest, then as Vitest does. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = LONGEST.length;
    const rank = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}`));
      return found < 0 ? others : found;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
