import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TraceLine } from '../toolkit/report/trace.ts';

/** The environment of a proof script. */
export interface Proof {
  /** Removed at the end. */
  readonly folder: string;
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Registers what to stop or remove at the end, however the proof ends; the latest comes first. */
  atEnd(close: () => unknown): void;
  /** Registers a line to print last. @param isMet - False if it misses its limit. */
  figure(text: string, isMet?: boolean): void;
}

/**
 * Runs a proof, cleans up, prints its figures last, and sets exit status 1 if one misses its limit.
 *
 * @param name - Part of the temporary folder's name.
 */
export async function prove(name: string, steps: (proof: Proof) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `reignite-${name}-`));
  const stop = new AbortController();
  const closings: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const figures: { readonly text: string; readonly isMet: boolean }[] = [];
  const proof: Proof = {
    folder,
    signal: stop.signal,
    atEnd: (close) => closings.push(close),
    figure: (text, isMet = true) => figures.push({ text, isMet }),
  };
  const interrupt = () => stop.abort(new Error('Interrupted.'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  // Processes that are being stopped reject their promises; that must not end this one before all are stopped.
  for (const kind of ['unhandledRejection', 'uncaughtException'] as const)
    process.on(kind, (reason) => stop.abort(reason));
  try {
    await Promise.race([steps(proof), aborted(stop.signal)]);
  } catch (error) {
    proof.figure(error instanceof Error ? error.message : String(error), false);
  }
  for (const close of closings.reverse()) await orTell(close);
  for (const { text, isMet } of figures) console.log(`${isMet ? 'ok  ' : 'FAIL'} ${text}`);
  process.exit(figures.every(({ isMet }) => isMet) ? 0 : 1);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

async function orTell(close: () => unknown): Promise<void> {
  try {
    await close();
  } catch (error) {
    console.error('Not taken down:', error instanceof Error ? error.message : error);
  }
}

/** Ends a process with SIGTERM, or with SIGKILL if that takes too long. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await gone;
  clearTimeout(late);
}

/** Counts the ROIs per worker, and the repeated attempts, from a run's results folder. */
export function roiShares(results: string): {
  readonly shares: ReadonlyMap<string, number>;
  readonly repeated: number;
} {
  const shares = new Map<string, number>();
  let repeated = 0;
  for (const line of readFileSync(join(results, 'trace.jsonl'), 'utf8').trim().split('\n')) {
    const { step, worker, attempts } = TraceLine.parse(JSON.parse(line));
    if (step !== 'inferRoi') continue;
    shares.set(worker, (shares.get(worker) ?? 0) + 1);
    repeated += attempts - 1;
  }
  return { shares, repeated };
}
