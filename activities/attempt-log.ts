import { rmSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../toolkit/errors.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { sha256Of } from '../toolkit/files/hash-file.ts';

/** Attempts in a row that may die without having finished a step; the next one sets the ROI aside. */
const DEATHS_ALLOWED = 3;

const Log = z.object({ marker: z.string(), begun: z.number().int() });

/**
 * Begins an attempt at an ROI, and counts those that ended without a word and without progress: a process killed by the
 * system, a crash in native code. An attempt that advanced, or that was told to stop, does not count.
 *
 * @param work - The ROI's work folder; its `partial/state.json` tells how far the last attempt came.
 * @throws ReigniteError ROI_SET_ASIDE when three attempts in a row died where this one would begin.
 */
export async function beginAttempt(work: string, roi: string, signal: AbortSignal): Promise<void> {
  const path = join(work, 'attempts.json');
  const marker = sha256Of(await readFile(join(work, 'partial', 'state.json'), 'utf8').catch(() => 'start'));
  const last = await readLog(path);
  const begun = last?.marker === marker ? last.begun : 0;
  if (begun >= DEATHS_ALLOWED) {
    await rm(path, { force: true });
    throw new ReigniteError('ROI_SET_ASIDE', `ROI ${roi}: ${begun} attempts in a row died at the same tile row.`);
  }
  await writeFileAtomic(path, JSON.stringify({ marker, begun: begun + 1 }));
  signal.addEventListener('abort', () => rmSync(path, { force: true }), { once: true });
}

async function readLog(path: string): Promise<z.infer<typeof Log> | undefined> {
  try {
    return Log.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
