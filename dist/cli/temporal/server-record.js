import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.js';
import { isRunning } from '../../toolkit/files/process-identity.js';
const recordSchema = z.object({
    pid: z.int().positive(),
    startTime: z.string(),
    address: z.string(),
    namespace: z.string(),
    uiUrl: z.string(),
});
/** The home's embedded server that runs at the moment, whoever started it; undefined when none does. */
export async function runningServer(home) {
    const record = await readServerRecord(home);
    return record !== undefined && (await isRunning(record)) ? { ...record, external: false } : undefined;
}
/** @returns Undefined when there is none or when it is not one: the server is then found by its process. */
export async function readServerRecord(home) {
    try {
        return recordSchema.parse(JSON.parse(await readFile(recordPath(home), 'utf8')));
    }
    catch {
        return undefined;
    }
}
export async function writeServerRecord(home, record) {
    await writeFileAtomic(recordPath(home), JSON.stringify(record));
}
export async function removeServerRecord(home) {
    await rm(recordPath(home), { force: true });
}
function recordPath(home) {
    return join(home, 'temporal', 'server.json');
}
