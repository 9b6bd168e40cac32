import { rm } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import { didYouMean } from '../../config/suggest.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { bytesText } from '../../toolkit/quantity-text.ts';
import { type Found, findRemovable, REMOVABLE, REMOVABLES } from '../clean/removable.ts';
import { EXIT, printResult } from '../output.ts';
import { withHomeServer } from '../run/with-home-server.ts';

export interface CleanOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/**
 * `reignite clean`: gives back the disk that the home and downloads can do without. The record's data, results and the
 * history stay.
 *
 * @param kinds - Which kinds of it; all unless given.
 * @throws ReigniteError USAGE for a kind that is none; RUN_OPEN while a run or a download of this home is open.
 */
export async function cleanCommand(
  kinds: readonly string[],
  options: CleanOptions,
  signal: AbortSignal,
): Promise<number> {
  const unknown = kinds.find((kind) => !REMOVABLES.some((each) => each === kind));
  if (unknown !== undefined) {
    throw new ReigniteError('USAGE', `There is nothing called ${unknown} to clean.${didYouMean(unknown, REMOVABLES)}`, {
      remedy: `Choose among ${REMOVABLES.join(', ')}.`,
    });
  }
  const isToRemove = options.dryRun !== true;
  const home = homeFromEnvironment();
  const found = await withHomeServer(signal, [], async ({ client }) => {
    const all = await findRemovable(home, await closedRunsData(client));
    const wanted = all.filter(({ what }) => kinds.length === 0 || kinds.includes(what));
    if (isToRemove) await remove(wanted);
    return wanted;
  });
  const bytes = found.reduce((sum, each) => sum + each.bytes, 0);
  const document = { removed: isToRemove, bytes, found };
  printResult(options.json ? JSON.stringify(document, null, 1) : linesOf(found, bytes, isToRemove).join('\n'));
  return EXIT.done;
}

/** The data folders of all runs and downloads; none of them may be open. */
async function closedRunsData(client: Client): Promise<readonly string[]> {
  const folders = new Set<string>();
  const query = "WorkflowType IN ('reproduce', 'acquire', 'predictImages')";
  for await (const { workflowId, status, memo } of client.workflow.list({ query })) {
    if (status.name === 'RUNNING') {
      throw new ReigniteError('RUN_OPEN', `${workflowId} is open: what it needs cannot be told from what can go.`, {
        remedy: 'Let it end, or run `npx reignite cancel` first.',
      });
    }
    const data: unknown = memo?.['data'];
    if (typeof data === 'string') folders.add(data);
  }
  return [...folders];
}

async function remove(found: readonly Found[]): Promise<void> {
  for (const path of found.flatMap(({ paths }) => paths)) await rm(path, { recursive: true, force: true });
}

function linesOf(found: readonly Found[], bytes: number, isRemoved: boolean): string[] {
  if (found.length === 0) return ['There is nothing to clean.'];
  return [
    ...found.flatMap(({ what, paths, ...size }) => [
      `${what.padEnd(9)} ${bytesText(size.bytes).padStart(8)}  ${REMOVABLE[what]}`,
      ...paths.map((path) => `  ${path}`),
    ]),
    isRemoved
      ? `${bytesText(bytes)} given back.`
      : `${bytesText(bytes)} can go: \`npx reignite clean\` removes all of it, \`clean partial logs\` these kinds.`,
  ];
}
