import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { didYouMean } from '../../config/wrong-values.ts';
import { providerLinks } from '../../runtime/install-gpu.ts';
import { externalServer } from '../../runtime/server/connection.ts';
import { runningServer } from '../../runtime/server/home-server.ts';
import { Receipts } from '../../toolkit/cache/receipts.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { lstatIfThere } from '../../toolkit/files/file-access.ts';
import { type HomeFolders, homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { bytesText } from '../../toolkit/format.ts';
import { gpuFolder } from '../../toolkit/onnx/provider/cuda.ts';
import { EXIT, printResult } from '../output.ts';
import { withHomeServer } from '../with-home-server.ts';
import { REMOVABLE, REMOVABLES, type Removable } from './removables.ts';

export interface Found {
  readonly what: Removable;
  /** Absolute. */
  readonly paths: readonly string[];
  readonly files: number;
  readonly bytes: number;
}

/**
 * Finds what can be deleted: never the record's data, results, receipts or history.
 *
 * @param dataFolders - Data folders of the runs of this state directory.
 */
export async function findRemovable(home: HomeFolders, dataFolders: readonly string[]): Promise<readonly Found[]> {
  const folders = [...new Set([home.sample, ...dataFolders])];
  const inData = (pick: (data: string) => Promise<string[]>) =>
    Promise.all(folders.map(pick)).then((all) => all.flat());
  const places: Readonly<Record<Removable, readonly string[]>> = {
    cache: [home.cache],
    partial: [home.work, ...(await inData(partialFiles))],
    scratch: [home.scratch],
    models: [home.models],
    runs: [home.runs],
    logs: [home.logs],
    databases: (await namesIn(join(home.home, 'temporal')))
      .filter((name) => /\.refused-\d+/.test(name))
      .map((name) => join(home.home, 'temporal', name)),
    gpu: [...(await providerLinks()), gpuFolder()],
    archives: await inData((data) => unpackedArchives(data, new Receipts(home.receipts))),
  };
  const found: Found[] = [];
  for (const what of REMOVABLES) {
    const sizes = await Promise.all(places[what].map(sizeOf));
    const files = sizes.reduce((sum, size) => sum + size.files, 0);
    const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
    if (files > 0)
      found.push({ what, paths: places[what].filter((_, index) => (sizes[index]?.files ?? 0) > 0), files, bytes });
  }
  return found;
}

/** Files that a download keeps next to its target until it is finished. */
const PARTIAL = /\.(part|part\.json|pieces)$/;

async function partialFiles(data: string): Promise<string[]> {
  const places = [data, join(data, 'archives')];
  const named = await Promise.all(
    places.map(async (folder) =>
      (await namesIn(folder)).filter((name) => PARTIAL.test(name)).map((name) => join(folder, name)),
    ),
  );
  return named.flat();
}

/** Returns the archives that were completely verified and unpacked, according to receipts that still match the files. */
async function unpackedArchives(data: string, receipts: Receipts): Promise<string[]> {
  const { files } = await receipts.manifest(data);
  const paths: string[] = [];
  for (const { key, md5 } of files) {
    if (key.toLowerCase().endsWith('.zip') && (await receipts.whole(data, { key, md5 })) !== undefined) {
      paths.push(join(data, 'archives', key));
    }
  }
  return paths;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

/** Links are not followed: their targets are not ours. */
async function sizeOf(path: string): Promise<{ readonly files: number; readonly bytes: number }> {
  const found = await lstatIfThere(path);
  if (found === undefined) return { files: 0, bytes: 0 };
  if (!found.isDirectory()) return { files: 1, bytes: found.size };
  let [files, bytes] = [0, 0];
  for (const name of await namesIn(path)) {
    const size = await sizeOf(join(path, name));
    files += size.files;
    bytes += size.bytes;
  }
  return { files, bytes };
}

/** Only deleted when named: all state directories of the user share it, and downloading it again takes gigabytes. */
const ONLY_NAMED: readonly Removable[] = ['gpu'];

export interface CleanOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/**
 * `reignite clean`: deletes downloads and files of the state directory that are not needed. Data, results and history
 * stay.
 *
 * @param kinds - Kinds to delete; empty for all.
 * @throws ReigniteError USAGE for an unknown kind; RUN_OPEN while a run or a download of this state directory is open.
 */
export async function cleanCommand(
  kinds: readonly string[],
  options: CleanOptions,
  signal: AbortSignal,
): Promise<number> {
  const unknown = kinds.find((kind) => !REMOVABLES.some((each) => each === kind));
  if (unknown !== undefined) {
    throw new ReigniteError('USAGE', `Unknown kind "${unknown}".${didYouMean(unknown, REMOVABLES)}`, {
      remedy: `Choose from ${REMOVABLES.join(', ')}.`,
    });
  }
  const isToRemove = options.dryRun !== true;
  const home = homeFromEnvironment();
  const clean = async (dataFolders: readonly string[]) => {
    const all = await findRemovable(home, dataFolders);
    const wanted = all.filter(({ what }) => (kinds.length === 0 ? !ONLY_NAMED.includes(what) : kinds.includes(what)));
    if (isToRemove) await remove(wanted);
    return wanted;
  };
  const found = (await needsHistory(kinds, home))
    ? await withHomeServer(signal, [], async ({ client }) => clean(await closedRunsData(client)))
    : await clean([]);
  const bytes = found.reduce((sum, each) => sum + each.bytes, 0);
  const document = { removed: isToRemove, bytes, found };
  printResult(options.json ? JSON.stringify(document, null, 1) : linesOf(found, bytes, isToRemove).join('\n'));
  return EXIT.done;
}

/**
 * Returns whether the history must be read before deleting these kinds. What all state directories share is in no
 * history, and only a run on an available server can be using it, so no server is started or downloaded to check.
 */
async function needsHistory(kinds: readonly string[], home: HomeFolders): Promise<boolean> {
  const areShared = kinds.length > 0 && kinds.every((kind) => ONLY_NAMED.some((each) => each === kind));
  return !areShared || externalServer() !== undefined || (await runningServer(home.home)) !== undefined;
}

/** Returns the data folders of all runs and downloads, none of which may be open. */
async function closedRunsData(client: Client): Promise<readonly string[]> {
  const folders = new Set<string>();
  const query = "WorkflowType IN ('reproduce', 'acquire', 'predictImages')";
  for await (const { workflowId, status, memo } of client.workflow.list({ query })) {
    if (status.name === 'RUNNING') {
      throw new ReigniteError('RUN_OPEN', `${workflowId} is open: it still needs what would be deleted.`, {
        remedy: `Wait for it to end. If it was interrupted, run its command again, or end it with \`npx reignite cancel ${workflowId}\`.`,
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
      ? `${bytesText(bytes)} freed.`
      : `${bytesText(bytes)} can be freed: run it without \`--dry-run\`, or name kinds, such as \`clean partial logs\`.`,
  ];
}
