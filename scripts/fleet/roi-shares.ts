import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TraceLine } from '../../toolkit/report/trace.ts';

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
