import { Writable } from 'node:stream';
import { vi } from 'vitest';
import { z } from 'zod';
import type { Ended, Place } from './command.ts';

const SIGNALS: ReadonlySet<unknown> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE']);

/**
 * Runs a `reignite` command in the process of the test, which spares starting Node and loading libraries. For tests of
 * what a command answers and writes; `runCommand` runs it like a user does, and it can be interrupted.
 *
 * One at a time: the command has the current folder, the environment and the output of this process.
 */
export async function runHere(words: readonly string[], { home, cwd, environment = {} }: Place): Promise<Ended> {
  const cwdBefore = process.cwd();
  const envBefore = process.env;
  const { customError } = z.config();
  const stdout = replaceStream('stdout');
  const stderr = replaceStream('stderr');
  const on = ignoreSignals();
  process.env = { ...process.env, REIGNITE_HOME: home, ...environment };
  process.chdir(cwd);
  try {
    const { main } = await import('../../cli/main.ts');
    const status = await main(words);
    return { status, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    on.mockRestore();
    stdout.restore();
    stderr.restore();
    process.chdir(cwdBefore);
    process.env = envBefore;
    z.config({ customError });
  }
}

/** Keeps what the command prints. */
function replaceStream(name: 'stdout' | 'stderr') {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const real = process[name];
  Object.defineProperty(process, name, { value: stream, configurable: true });
  return {
    text: () => Buffer.concat(chunks).toString(),
    restore: () => Object.defineProperty(process, name, { value: real, configurable: true }),
  };
}

/** A command listens to signals for as long as its process lives. */
function ignoreSignals() {
  const on = process.on.bind(process);
  return vi
    .spyOn(process, 'on')
    .mockImplementation((name, listener) => (SIGNALS.has(name) ? process : on(name, listener)));
}
