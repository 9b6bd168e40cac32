import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { RecordServers } from '../../activities/acquire/record-servers.ts';
import type { RunInput } from '../../activities/inputs.ts';
import { configDigest } from '../../config/digest.ts';
import type { RunConfig } from '../../config/schema.ts';
import { CELL_TASKS, perTask, TISSUE_TASKS } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { withoutStop } from '../../toolkit/format.ts';
import { KnownRecords } from '../../toolkit/zenodo/record/local-record.ts';
import { parseRecordId, type ZenodoRecord } from '../../toolkit/zenodo/record/record.ts';
import { runId } from '../../workflows/ids.ts';

/** A request before a run starts must not delay it: the run repeats the request for as long as needed. */
const ASK_MS = 10_000;

/**
 * Pins the version of the record, so that a run's folders, digest and ID refer to one that never changes. A concept
 * number (all versions) is resolved to the newest version once per state directory. If the API does not answer now, the
 * number is left as it is: the run resolves it later.
 *
 * @returns The configuration with the record as a plain number, and an absolute mirror.
 * @throws ReigniteError CONFIG_INVALID for anything but a record; RECORD_NOT_FOUND, ACCESS_DENIED or RECORD_INVALID.
 */
export async function pinRecord(
  config: RunConfig,
  home: HomeFolders,
  onStep: (line: string) => void,
  signal: AbortSignal,
): Promise<RunConfig> {
  const { zenodo } = config;
  const asked = parseRecordId(config.record);
  const mirror = zenodo.mirror === undefined ? {} : { mirror: resolve(zenodo.mirror) };
  const pinned = (record: string): RunConfig => ({ ...config, record, zenodo: { ...zenodo, ...mirror } });
  if (zenodo.serveFrom !== undefined) return pinned(asked);
  const known = new KnownRecords(home.records, zenodo.api);
  const found =
    (await known.recall(asked)) ?? (zenodo.offline ? undefined : await askFor(asked, config, home, onStep, signal));
  if (found === undefined) return pinned(asked);
  await known.remember(asked, found);
  onStep(describe(asked, found));
  return pinned(found.id);
}

function describe(asked: string, { id, title, doi }: ZenodoRecord): string {
  const name = `${title === undefined ? '' : `: ${title}`}${doi === undefined ? '' : ` (doi:${doi})`}`;
  if (id === asked) return `Record ${id}${name}`;
  return `Record ${asked} is a concept DOI (all versions); pinned to the newest, ${id}${name}`;
}

async function askFor(
  record: string,
  { zenodo }: RunConfig,
  home: HomeFolders,
  onStep: (line: string) => void,
  signal: AbortSignal,
): Promise<ZenodoRecord | undefined> {
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
    return await new RecordServers(home).record(zenodo, record, within);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReigniteError && !error.retryable) throw error;
    const why = error instanceof Error ? error.message : String(error);
    onStep(`The version of record ${record} could not be looked up (${withoutStop(why)}). A run looks it up again.`);
    return undefined;
  }
}

export interface ResolvedRun {
  readonly id: string;
  readonly input: RunInput;
}

/**
 * Resolves a run's folders, digest and ID. Relative paths are relative to the current folder. By default, the sample
 * record is in the state directory, other records are in data/.
 *
 * @throws ReigniteError CONFIG_INVALID when a custom model is missing.
 */
export function resolveRun(
  chosen: RunConfig,
  home: HomeFolders,
  folders: { readonly data?: string | undefined; readonly results?: string | undefined },
): ResolvedRun {
  const config = withOwnModels(chosen);
  const usualData = config.zenodo.serveFrom === undefined ? `data/${folderName(config.record)}` : home.sample;
  const data = resolve(folders.data ?? usualData);
  const results = resolve(folders.results ?? `results/${config.name}`);
  const digest = configDigest(config, { data, results });
  return {
    id: runId(folderName(config.record), config.name, digest),
    input: { config, digest, folders: { data, results } },
  };
}

/** Makes paths of custom models absolute: a worker may have a different current folder. */
function withOwnModels(config: RunConfig): RunConfig {
  return {
    ...config,
    ...perTask(TISSUE_TASKS, (task) => ({ ...config[task], ...customModel(task, config[task].model) })),
    ...perTask(CELL_TASKS, (task) => ({ ...config[task], ...customModel(task, config[task].model) })),
  };
}

function customModel(task: string, path: string | undefined): { readonly model?: string } {
  if (path === undefined) return {};
  const model = resolve(path);
  if (existsSync(model)) return { model };
  throw new ReigniteError('CONFIG_INVALID', `${task}.model: ${model} does not exist.`, {
    remedy: "Name the model to use in place of the record's, or remove the field.",
  });
}

/** Returns a folder name: the number in a record's DOI or URL, or the text with unusual characters replaced. */
function folderName(record: string): string {
  return /(\d+)\/?$/.exec(record)?.[1] ?? record.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}
