import { join } from 'node:path';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { writeNpy } from '../toolkit/numpy/npy.ts';
import type { ResampleEvidence } from '../toolkit/verdict/uncertainty.ts';
import type { CellsVerdictFile, HeVerdictFile } from '../toolkit/verdict/verdict-file.ts';

/** Writes a task's verdict, last, after the draws and the counts that its intervals are made of. */
export async function writeVerdict(
  results: string,
  verdict: HeVerdictFile | CellsVerdictFile,
  { draws, counts }: ResampleEvidence,
): Promise<void> {
  const path = (name: string) => join(results, 'verdict', `${verdict.task}${name}`);
  const patients = counts.patients.length;
  const shape = [patients === 0 ? 0 : draws.length / patients, patients];
  await writeNpy(path('.resamples.npy'), { dtype: 'uint16', shape, data: draws });
  await writeFileAtomic(path('.patients.json'), `${JSON.stringify(counts)}\n`);
  await writeFileAtomic(path('.json'), `${JSON.stringify(verdict, null, 1)}\n`);
}
