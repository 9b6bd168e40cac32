import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { fileExists } from '../files/file-access.ts';
import type { Environment } from '../report/environment.ts';
import { RESULTS } from './results-folder.ts';

/** Records a machine that works on a run, if it is not recorded yet. */
export async function recordEnvironment(results: string, machine: Environment): Promise<void> {
  const text = `${JSON.stringify(machine, null, 1)}\n`;
  const name = `${machine.role}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
  if (!(await fileExists(RESULTS.environment.in(results, name))))
    await RESULTS.environment.write(results, machine, name);
}

/** Reads the machines that worked on a run, by name. */
export async function readEnvironments(results: string): Promise<readonly Environment[]> {
  const names = await readdir(dirname(RESULTS.environment.in(results, 'any'))).catch(() => []);
  const machines = names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => RESULTS.environment.read(results, basename(name, '.json')));
  return Promise.all(machines);
}
