import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle } from '../../cli/workflow-bundle.ts';
import { homeFolders } from '../../toolkit/files/home-folders.ts';
import { bundleHome } from '../support/bundle-home.ts';

const HISTORIES = fileURLToPath(new URL('../histories', import.meta.url));
const recorded = readdirSync(HISTORIES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));

/** A code change that breaks an open run turns one of these red: patch the workflow, do not record it anew. */
describe('recorded histories', () => {
  let codePath = '';
  beforeAll(async () => {
    codePath = await workflowBundle(homeFolders(bundleHome()));
  });

  it('are there for every workflow', () => {
    const types = new Set(recorded.map((name) => basename(name).split('-')[0]));
    expect([...types].sort()).toEqual([
      'acquire',
      'detectNuclei',
      'detectPdl1',
      'inferChunk',
      'reproduce',
      'segmentTissue',
    ]);
  });

  it.each(recorded)('%s replays', async (name) => {
    const history = historyFromJSON(JSON.parse(await readFile(join(HISTORIES, name), 'utf8')));
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, started?.workflowId ?? undefined);
  });
});
