import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { RunConfig } from '../../config/schema.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { Politeness } from '../../toolkit/zenodo/politeness.ts';
import { fetchRecord } from '../../toolkit/zenodo/record.ts';
import { parseRecordId } from '../../toolkit/zenodo/record-id.ts';
import { tokenFor } from '../../toolkit/zenodo/token.ts';

/** A question to the API before a run starts must not hold it up: the run asks again, as long as it takes. */
const ASK_MS = 10_000;

const Pin = z.object({ id: z.string(), title: z.string().optional(), doi: z.string().optional() });
type Pin = z.infer<typeof Pin>;

/**
 * Fixes which version of the record is meant, so that a run's folders, digest and id name one that never changes. A
 * number that stands for all versions is resolved to the newest once, and stays there for this home. Where the API
 * does not answer now, the number is left as it is: the run asks, and waits.
 *
 * @returns The configuration with the record as a plain number, and absolute folders.
 * @throws ReigniteError CONFIG_INVALID for what is no record; RECORD_NOT_FOUND, ACCESS_DENIED or RECORD_INVALID.
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
  if (zenodo.serve !== undefined) return pinned(asked);
  const place = join(home.records, sha256Of(zenodo.api).slice(0, 16), `${asked}.json`);
  const pin = (await readPin(place)) ?? (await askFor(asked, config, home, onStep, signal));
  if (pin === undefined) return pinned(asked);
  await writeFileAtomic(place, JSON.stringify(pin));
  const name = `${pin.title === undefined ? '' : `: ${pin.title}`}${pin.doi === undefined ? '' : ` (doi:${pin.doi})`}`;
  if (pin.id === asked) onStep(`Record ${pin.id}${name}`);
  else onStep(`Record ${asked} stands for all versions; pinned to the newest, ${pin.id}${name}`);
  return pinned(pin.id);
}

async function readPin(place: string): Promise<Pin | undefined> {
  try {
    return Pin.parse(JSON.parse(await readFile(place, 'utf8')));
  } catch {
    return undefined;
  }
}

async function askFor(
  record: string,
  { zenodo }: RunConfig,
  home: HomeFolders,
  onStep: (line: string) => void,
  signal: AbortSignal,
): Promise<Pin | undefined> {
  try {
    const politeness = new Politeness({ folder: home.transfers, requests: zenodo.requestsPerMinute });
    const token = tokenFor(zenodo.api, zenodo.api);
    const within = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
    const { id, title, doi } = await fetchRecord({ api: zenodo.api, record, politeness, token, signal: within });
    return { id, ...(title === undefined ? {} : { title }), ...(doi === undefined ? {} : { doi }) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReigniteError && !error.retryable) throw error;
    const why = error instanceof Error ? error.message : String(error);
    onStep(`Which version record ${record} is could not be asked yet (${why}); the run asks again.`);
    return undefined;
  }
}
