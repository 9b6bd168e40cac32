import { join } from 'node:path';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { writeNpy } from '../numpy/npy.ts';
import type { Agreement } from './compare-predictions.ts';
import type { SidesComparison } from './compare-sides.ts';
import type { Side } from './side.ts';

/** Creates the content of `comparison.json`, which `compare --json` also prints. */
export function comparisonDocument(a: Side, b: Side, { verdict, about, tasks, remarks }: SidesComparison): object {
  const sideOf = ({ name, kind, folder, record }: Side) => ({ name, kind, folder, ...(record && { record }) });
  return {
    verdict,
    a: sideOf(a),
    b: sideOf(b),
    differences: about,
    remarks,
    tasks: Object.fromEntries(
      tasks.map(({ task, agreement, scores, ...more }) => {
        const { evidence: _draws, ...scored } = scores ?? {};
        return [task, { ...more, agreement: agreementDocument(agreement), ...(scores && { scores: scored }) }];
      }),
    ),
  };
}

function agreementDocument({ classes, ...sums }: Agreement): object {
  return { ...sums, classes: Object.fromEntries(classes) };
}

/**
 * Writes the comparison, with the resamples and counts from which its intervals are computed. In the counts,
 * `published` is A and `ours` is B.
 */
export async function writeComparison(out: string, document: object, { tasks }: SidesComparison): Promise<void> {
  for (const { task, scores } of tasks) {
    if (scores === undefined) continue;
    const { draws, counts } = scores.evidence;
    const patients = counts.patients.length;
    const shape = [patients === 0 ? 0 : draws.length / patients, patients];
    await writeNpy(join(out, `${task}.resamples.npy`), { dtype: 'uint16', shape, data: draws });
    await writeFileAtomic(join(out, `${task}.patients.json`), `${JSON.stringify(counts)}\n`);
  }
  await writeFileAtomic(join(out, 'comparison.json'), `${JSON.stringify(document, null, 1)}\n`);
}
