import { resolve } from 'node:path';
import { RecordServers } from '../../activities/acquire/record-servers.ts';
import type { RunConfig } from '../../config/schema.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { withoutStop } from '../../toolkit/format.ts';
import { KnownRecords } from '../../toolkit/zenodo/record/known-records.ts';
import { parseRecordId, type ZenodoRecord } from '../../toolkit/zenodo/record/record.ts';

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
