import { expect, it } from 'vitest';
import { answerRun } from '../../../cli/inspect/why.ts';
import { verdictLines } from '../../../cli/run/run-report.ts';
import type { RunDescription } from '../../../runtime/run/describe-run.ts';
import { writeJsonFile } from '../../../toolkit/files/text-file.ts';
import { Summary } from '../../../toolkit/report/summary.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const RUN = 'p/15674785/d';
const ABOUT = { run: RUN, record: '15674785', profile: 'p', digest: 'd' };

it('why gives the reasons of both verdicts of a task', async () => {
  const results = await temporaryFolder();
  const rois = { total: 1, computed: 1, cached: 0, failed: 0 };
  const he = { verdict: 'differs', rois, failures: [], worst: [] };
  const summary = Summary.parse({ ...ABOUT, status: 'done', tasks: { he } });
  const description: RunDescription = {
    ...{ run: RUN, runId: 'a', status: 'done', paused: false, started: '', closed: '', results },
    ...{ verdicts: {}, said: {}, provenance: { kind: 'other', title: 'Mine' } },
  };
  const known = { kind: 'run', description, parts: [], summary } as const;
  const withoutFile = (await answerRun(known)).lines;
  await writeJsonFile(RESULTS.verdict.in(results, 'he'), {
    evaluation: { verdict: 'reproduced', reason: 'The matrices are equal.' },
    inference: { verdict: 'differs', reason: '7 of 9 pixels differ.' },
  });
  const { lines } = await answerRun(known);
  expect(lines.filter((line) => !withoutFile.includes(line))).toEqual([
    '  published predictions scored here: reproduced. The matrices are equal.',
    '  reproduced predictions against the published ones: differs. 7 of 9 pixels differ.',
  ]);
});

it('a run without verdicts has no heading of verdicts', async () => {
  const summary = Summary.parse({ ...ABOUT, status: 'cancelled', tasks: {} });
  expect(await verdictLines(summary, await temporaryFolder(), true)).toEqual([]);
});
