import { join } from 'node:path';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { writeNpy } from '../toolkit/numpy/npy.js';
/**
 * Writes a task's verdict, last, after the draws and the counts that its intervals are made of.
 *
 * @param step - Says what the judged predictions were made with.
 */
export async function writeVerdict({ folders: { results }, model, engine }, verdict, { draws, counts }) {
    const path = (name) => join(results, 'verdict', `${verdict.task}${name}`);
    const ranOn = { model: model.digest, ...engine, precision: 'float32' };
    const patients = counts.patients.length;
    const shape = [patients === 0 ? 0 : draws.length / patients, patients];
    await writeNpy(path('.resamples.npy'), { dtype: 'uint16', shape, data: draws });
    await writeFileAtomic(path('.patients.json'), `${JSON.stringify(counts)}\n`);
    await writeFileAtomic(path('.json'), `${JSON.stringify({ ...verdict, engine: ranOn }, null, 1)}\n`);
}
