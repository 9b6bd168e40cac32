import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle } from '../../runtime/workers/workflow-bundle.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const HISTORIES = fileURLToPath(new URL('../histories', import.meta.url));
const recorded = readdirSync(HISTORIES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
const TYPES = ['acquire', 'inferBatch', 'measureDiscrepancies', 'predictImages', 'reproduce', 'validateTask'];

/** How a history may end, and the workflows of which one with that end is recorded. */
const ENDS = {
  EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: TYPES,
  EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: ['predictImages', 'validateTask'],
  EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: ['acquire', 'reproduce', 'validateTask'],
  EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: TYPES.filter((type) => type !== 'measureDiscrepancies'),
} as const;

async function* historiesOf(names: readonly string[]) {
  for (const name of names) {
    const history = historyFromJSON(JSON.parse(await readFile(join(HISTORIES, name), 'utf8')));
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    yield { history, workflowId: started?.workflowId ?? 'unknown' };
  }
}

/** Replays histories on one worker, which loads the workflows once. @returns Their errors; undefined for those that replay. */
async function replay(codePath: string, names: readonly string[]): Promise<Map<string, Error | undefined>> {
  const errors = new Map<string, Error | undefined>();
  const waiting = [...names];
  const results = Worker.runReplayHistories({ workflowBundle: { codePath } }, historiesOf(names));
  for await (const { error } of results) errors.set(waiting.shift() ?? '', error);
  return errors;
}

/** A code change that breaks an open run turns one of these red: patch the workflow, do not record it again. */
describe('recorded histories', () => {
  let codePath = '';
  beforeAll(async () => {
    codePath = (await workflowBundle()).path;
  });

  it.each(Object.entries(ENDS))('exist for every workflow that ends in %s', async (end, types) => {
    const ended = new Set<string>();
    for (const name of recorded) {
      const { events } = JSON.parse(await readFile(join(HISTORIES, name), 'utf8'));
      if (events.at(-1).eventType === end) ended.add(basename(name).split('-')[0] ?? '');
    }
    expect([...ended].sort()).toEqual(expect.arrayContaining([...types]));
  });

  it('replay, all of them', async () => {
    const errors = await replay(codePath, recorded);
    expect(errors.size).toBe(recorded.length);
    for (const [name, error] of errors) expect(error, name).toBeUndefined();
  });

  it.each([
    [
      'a step takes the place of another',
      'openResults.executeWithOptions',
      'writeTrace.executeWithOptions',
      'reproduce',
    ],
    ['a batch is no longer drawn', 'draw(plan, input, batch, inferred.failures)', 'Promise.resolve()', 'validateTask'],
    [
      'a batch works on one ROI at a time',
      '(rois, input.config.temporal.maxConcurrentRois',
      '(rois, 1',
      'inferBatch-tiny-nuclei',
    ],
    ['the record is fetched twice', 'await fetchRecord.', 'await (fetchRecord({}), fetchRecord).', 'acquire'],
  ])('turn red when %s', async (_what, from, to, type) => {
    const code = await readFile(codePath, 'utf8');
    expect(code).toContain(from);
    const changed = join(await temporaryFolder(), 'changed.js');
    await writeFile(changed, code.replace(from, to));
    const [name = ''] = recorded.filter((each) => basename(each).startsWith(`${type}-`));
    expect((await replay(changed, [name])).get(name)).toBeInstanceOf(DeterminismViolationError);
  });
});
