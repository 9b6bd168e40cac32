import { join } from 'node:path';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { writeNpy } from '../toolkit/numpy/npy.ts';
import type { ResampleEvidence } from '../toolkit/verdict/uncertainty.ts';
import type { CellsVerdictFile, HeVerdictFile, VerdictEngine } from '../toolkit/verdict/verdict-file.ts';
import type { EngineRef, ModelRef, RunFolders } from './inputs.ts';

interface WrittenFor {
  readonly folders: RunFolders;
  readonly model: ModelRef;
  readonly engine: EngineRef;
}

/**
 * Writes a task's verdict, last, after the draws and the counts that its intervals are made of.
 *
 * @param step - Says what the judged predictions were made with.
 */
export async function writeVerdict(
  { folders: { results }, model, engine }: WrittenFor,
  verdict: HeVerdictFile | CellsVerdictFile,
  { draws, counts }: ResampleEvidence,
): Promise<void> {
  const path = (name: string) => join(results, 'verdict', `${verdict.task}${name}`);
  const ranOn: VerdictEngine = { model: model.digest, ...engine, precision: 'float32' };
  const patients = counts.patients.length;
  const shape = [patients === 0 ? 0 : draws.length / patients, patients];
  await writeNpy(path('.resamples.npy'), { dtype: 'uint16', shape, data: draws });
  await writeFileAtomic(path('.patients.json'), `${JSON.stringify(counts)}\n`);
  await writeFileAtomic(path('.json'), `${JSON.stringify({ ...verdict, engine: ranOn }, null, 1)}\n`);
}
