import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { PRIVATE_FILE } from '../../toolkit/files/private-home.ts';
import { isRunning } from '../../toolkit/files/process-identity.ts';
import type { ServerAddress } from './server-address.ts';

const recordSchema = z.object({
  pid: z.int().positive(),
  startTime: z.string(),
  address: z.string(),
  namespace: z.string(),
  uiUrl: z.string(),
});

/** What a home says of its server, in `temporal/server.json`, for the commands that only watch. */
export type ServerRecord = Readonly<z.infer<typeof recordSchema>>;

/** The home's embedded server that runs at the moment, whoever started it; undefined when none does. */
export async function runningServer(home: string): Promise<(ServerAddress & ServerRecord) | undefined> {
  const record = await readServerRecord(home);
  return record !== undefined && (await isRunning(record)) ? { ...record, external: false } : undefined;
}

/** @returns Undefined when there is none or when it is not one: the server is then found by its process. */
export async function readServerRecord(home: string): Promise<ServerRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(recordPath(home), 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeServerRecord(home: string, record: ServerRecord): Promise<void> {
  await writeFileAtomic(recordPath(home), JSON.stringify(record), { mode: PRIVATE_FILE });
}

export async function removeServerRecord(home: string): Promise<void> {
  await rm(recordPath(home), { force: true });
}

function recordPath(home: string): string {
  return join(home, 'temporal', 'server.json');
}
