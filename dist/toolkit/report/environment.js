import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic-write.js';
import { fileExists } from '../files/file-exists.js';
/** What part of a run was done on. No user and no host is named: machines that are alike are one. */
export const Environment = z.object({
    role: z.enum(['orchestration', 'inference']),
    reignite: z.string().describe('Version of this package'),
    node: z.string(),
    platform: z.string(),
    processor: z.string(),
    cores: z.int().min(1),
    memory: z.number().describe('GiB, rounded'),
    onnxRuntime: z.string().optional(),
    provider: z.string().optional(),
});
/** The machine that this process runs on. */
export function environment(role, version, engine = {}) {
    const [first] = cpus();
    return {
        role,
        reignite: version,
        node: process.versions.node,
        platform: `${process.platform} ${process.arch}`,
        processor: first?.model.trim() || 'unknown',
        cores: Math.max(1, cpus().length),
        memory: Math.round(totalmem() / 2 ** 30),
        ...(engine.ortVersion === undefined ? {} : { onnxRuntime: engine.ortVersion }),
        ...(engine.provider === undefined ? {} : { provider: engine.provider }),
    };
}
const folderOf = (results) => join(results, 'environment');
/** Writes down, in environment/ of a results folder, what a part of the run is done on; the same one only once. */
export async function recordEnvironment(results, machine) {
    const text = `${JSON.stringify(machine, null, 1)}\n`;
    const name = `${machine.role}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.json`;
    const path = join(folderOf(results), name);
    if (!(await fileExists(path)))
        await writeFileAtomic(path, text);
}
/** What the run was done on, as it was written down while it went on. */
export async function readEnvironments(results) {
    const names = await readdir(folderOf(results)).catch(() => []);
    const read = names
        .filter((name) => name.endsWith('.json'))
        .sort()
        .map(async (name) => Environment.parse(JSON.parse(await readFile(join(folderOf(results), name), 'utf8'))));
    return Promise.all(read);
}
