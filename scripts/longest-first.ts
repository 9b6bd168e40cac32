import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Test files that take longest, the longest first. They start before all others, so that none of them runs alone at the
 * end, while a processor is idle.
 */
export const LONGEST = [
  'cli/run',
  'cli/open-runs',
  'docs/guides',
  'cli/predict-run',
  'cli/cancel',
  'cli/lost-server',
  'cli/strangers',
  'package/package',
  'cli/side-by-side',
  'cli/one-run',
  'cli/predict-folder',
  'cli/set-aside',
  'workflows/scale',
  'runtime/server/embedded-server',
  'cli/verdict',
  'cli/private-home',
  'cli/fourth-task',
  'cli/predict-folds',
  'runtime/workers/stop',
  'cli/interruption',
  'cli/readings',
  'cli/provenance',
  'runtime/workers/drain',
  'toolkit/nnunet/fast/fast-v2',
  'cli/custom-models',
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
