import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * The version that a Temporal CLI prints of itself, e.g. `1.9.1`.
 *
 * @throws Error which says in a few words why the file is no such thing.
 */
export async function temporalVersionOf(path: string, signal?: AbortSignal): Promise<string> {
  const output = await printedVersion(path, signal);
  const version = /temporal version v?(\d+\.\d+\.\d+\S*)/i.exec(output)?.[1];
  if (version === undefined) throw new Error(`${path} does not print a version of Temporal`);
  return version;
}

async function printedVersion(path: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    const { stdout } = await execute(path, ['--version'], { timeout: 20_000, ...(signal ? { signal } : {}) });
    return stdout;
  } catch (error) {
    signal?.throwIfAborted();
    const code = error instanceof Error && 'code' in error ? error.code : error;
    if (code === 'ENOENT') throw new Error(`there is no file ${path}`);
    if (code === 'EACCES') throw new Error(`${path} is not executable`);
    throw new Error(`${path} --version fails (${String(code ?? 'no answer')})`);
  }
}
