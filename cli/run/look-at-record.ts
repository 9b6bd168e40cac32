import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { z } from 'zod';
import { RecordServers } from '../../activities/acquire/record-servers.ts';
import type { RunInput } from '../../activities/inputs.ts';
import { packageVersion } from '../../config/package-files.ts';
import { TASKS, type Task } from '../../config/tasks.ts';
import { KINDS } from '../../toolkit/dataset/layout.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { fileExists } from '../../toolkit/files/file-access.ts';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import { readJsonIfValid, writeJsonFile } from '../../toolkit/files/text-file.ts';
import { bytesText, withoutStop } from '../../toolkit/format.ts';
import {
  type CheckedRecord,
  checkRecord,
  folderTree,
  misplacedFolders,
  type RecordTree,
} from '../../toolkit/preflight/check-record.ts';
import { type FoundArchive, remoteTree } from '../../toolkit/preflight/remote-tree.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { RangeIgnored } from '../../toolkit/zenodo/download/fetch-pieces.ts';
import type { RecordFile } from '../../toolkit/zenodo/record/record.ts';

/** Returns whether the data folder has everything that a run reads, so that no request is needed. */
export async function isDataComplete({ config, folders: { data } }: RunInput): Promise<boolean> {
  try {
    for (const task of config.tasks) {
      const { listRois, isModelThere } = taskNamed(task);
      const files = (await listRois(data)).flatMap(({ image, truth }) => [image, truth]);
      if (config[task].model === undefined && !(await isModelThere(data))) return false;
      for (const file of files) if (!(await fileExists(join(data, file)))) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** The result of checking the record before anything large is downloaded. */
export interface RecordLook extends CheckedRecord {
  /** Where it was checked: in the data folder, or on the record's server. */
  readonly source: 'data folder' | 'server';
  readonly archives: readonly FoundArchive[];
  /** Bytes downloaded for the check. */
  readonly bytes: number;
}

/** Why a record could not be checked. */
export interface NoLook {
  readonly source: 'none';
  /** Without a full stop. */
  readonly reason: string;
  readonly remedy: string;
}

/** What is checked in a record; part of the name under which the findings are kept. */
interface LookedAt {
  readonly tasks: readonly Task[];
  /** Tasks with a custom model. */
  readonly customModels: readonly Task[];
}

/** Time limit of the check, so that it does not delay a run. */
const LOOK_MS = 60_000;

/**
 * Checks every assumption about a run's record: in the data folder if that is complete, otherwise on its server with
 * range requests, which for most records download less than a megabyte.
 */
export async function lookAtRecord(
  input: RunInput,
  home: HomeFolders,
  signal: AbortSignal,
): Promise<RecordLook | NoLook> {
  const { config, folders } = input;
  const look = {
    tasks: config.tasks,
    customModels: config.tasks.filter((task) => config[task].model !== undefined),
  };
  if (config.zenodo.offline || (await isDataComplete(input))) {
    const { checks, tasks } = await checkTree(await folderTree(folders.data), look);
    const misplaced = await misplacedFolders(folders.data);
    return { source: 'data folder', archives: [], bytes: 0, checks: [...misplaced, ...checks], tasks };
  }
  const within = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
  try {
    const found = await lookOnServer(config, look, home, within);
    return { ...found, checks: [...(await misplacedFolders(folders.data)), ...found.checks] };
  } catch (error) {
    signal.throwIfAborted();
    return { source: 'none', ...whyOf(error) };
  }
}

function checkTree(tree: RecordTree, { tasks, customModels }: LookedAt): Promise<CheckedRecord> {
  return checkRecord(tree, { tasks: tasks.map(taskNamed), customModels });
}

async function lookOnServer(
  { record: id, zenodo }: RunInput['config'],
  look: LookedAt,
  home: HomeFolders,
  signal: AbortSignal,
): Promise<RecordLook> {
  const servers = new RecordServers(home);
  const scratch = await mkdtemp(join(tmpdir(), 'reignite-look-'));
  try {
    const { files } = await servers.record(zenodo, id, signal);
    const known = new KnownLook(home, files, look);
    const earlier = await known.recall();
    if (earlier !== undefined) return earlier;
    const request = (file: { key: string; url: string }) => servers.request(zenodo, id, file);
    const tree = await remoteTree({ files, scratch, request, signal });
    try {
      const { checks, tasks } = await checkTree(tree, look);
      const checked = withRecordPaths({ checks: [...tree.faults, ...checks], tasks }, tree.folder);
      const found = { source: 'server', archives: tree.archives, bytes: tree.bytes(), ...checked } as const;
      await known.remember(found);
      return found;
    } finally {
      await tree.close();
    }
  } finally {
    await servers.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Replaces paths in messages by paths in the record, wherever it was checked. */
function withRecordPaths({ checks, tasks }: CheckedRecord, folder: string): CheckedRecord {
  const inRecord = (detail: string) => detail.replaceAll(`${folder}${sep}`, '');
  return { tasks, checks: checks.map((check) => ({ ...check, detail: inRecord(check.detail) })) };
}

const LOOK_AGAIN = 'Check the connection and run the same command again.';

function whyOf(error: unknown): Omit<NoLook, 'source'> {
  if (error instanceof RangeIgnored) {
    const remedy = 'Run `npx reignite download` with the same `--profile`, then this command again.';
    return { reason: 'its server does not support partial downloads', remedy };
  }
  if (error instanceof ReigniteError) {
    return { reason: `${error.code}: ${withoutStop(error.message)}`, remedy: error.remedy };
  }
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { reason: `no answer within ${LOOK_MS / 1000} s`, remedy: LOOK_AGAIN };
  }
  throw error;
}

/** Formats the findings, faults first; passed checks are counted, or listed too if `all` is set. */
export function lookLines(look: RecordLook | NoLook, { all = false } = {}): readonly string[] {
  if (look.source === 'none') {
    // A run checks again by itself: the remedy is for `doctor`.
    return [`The record was not checked before the download: ${look.reason}.`, ...(all ? [look.remedy] : [])];
  }
  const found = (status: string) => look.checks.filter((check) => check.status === status);
  const passed = found('pass');
  const isKnown = look.source === 'server' && look.bytes === 0;
  const where = isKnown
    ? 'known from an earlier look; the files have not changed'
    : look.source === 'server'
      ? `${bytesText(look.bytes)} fetched`
      : 'in the data folder';
  const shown = [...found('fail'), ...found('warn'), ...found('unknown'), ...(all ? passed : [])];
  return [
    `Record checked (${where}): ${passed.length} of ${look.checks.length} checks passed`,
    ...look.archives
      .filter(isRenamed)
      .map(({ key, kind }) => `  ${key} is used as the archive of ${kind ?? 'several folders'}`),
    ...look.checks.flatMap(({ subject, chosen }) =>
      chosen === undefined ? [] : [`  ${chosen} is used for: ${subject}`],
    ),
    ...shown.flatMap(({ status, subject, detail, remedy }) => [
      `  ${status.padEnd(7)} ${subject}: ${detail}`,
      ...(remedy === undefined || status === 'pass' ? [] : [`          ${remedy}`]),
    ]),
  ];
}

function isRenamed({ key, kind }: FoundArchive): boolean {
  return key !== `${kind}.zip`;
}

/** Raised when the same files would be described differently. */
const SCHEMA = 3;

const Size = z.object({ width: z.int(), height: z.int() });

const Look = z.object({
  source: z.literal('server'),
  archives: z.array(z.object({ key: z.string(), kind: z.enum(KINDS).optional(), members: z.int() })).readonly(),
  bytes: z.int(),
  checks: z
    .array(
      z.object({
        subject: z.string(),
        status: z.enum(['pass', 'warn', 'fail', 'unknown']),
        detail: z.string(),
        remedy: z.string().exactOptional(),
        chosen: z.string().exactOptional(),
      }),
    )
    .readonly(),
  tasks: z
    .array(
      z.object({
        task: z.enum(TASKS),
        rois: z.int().optional(),
        predicted: z.int(),
        images: z.array(Size).readonly(),
      }),
    )
    .readonly(),
});

/**
 * Findings about a record on a server, kept in the state directory: files with the same digests are the same, and
 * checking again would use up the server's request limit.
 */
class KnownLook {
  readonly #path: string;

  constructor({ records }: Pick<HomeFolders, 'records'>, files: readonly RecordFile[], look: LookedAt) {
    const listed = files.map(({ key, size, md5 }) => ({ key, size, md5 }));
    const parts = JSON.stringify([SCHEMA, packageVersion(), listed, look]);
    this.#path = join(records, 'checked', `${sha256Of(parts).slice(0, 16)}.json`);
  }

  /** Reads earlier findings; undefined if these files were not checked before. */
  async recall() {
    const known = await readJsonIfValid(this.#path, Look);
    if (known === undefined) return undefined;
    const archives = known.archives.map(({ key, kind, members }) => ({ key, kind, members }));
    return { ...known, archives, tasks: known.tasks.map((task) => ({ ...task, rois: task.rois })), bytes: 0 };
  }

  async remember(look: z.input<typeof Look>): Promise<void> {
    await writeJsonFile(this.#path, look);
  }
}
