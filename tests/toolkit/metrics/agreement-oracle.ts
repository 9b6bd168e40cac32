import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CellTask } from '../../../config/tasks.ts';
import { parseReaderAnnotations } from '../../../toolkit/dataset/readers-annotations.ts';
import type { CellPoint } from '../../../toolkit/metrics/points-file.ts';
import { decodeNpy } from '../../../toolkit/numpy.ts';

const FOLDER = join(import.meta.dirname, '../../fixtures/agreement');

const Matrix = z.array(z.array(z.number()));
const Expected = z.object({
  groups: z.array(
    z.object({
      readers: z.array(z.string()),
      pairs: z.record(
        z.string(),
        z
          .object({
            per_image: z.record(z.string(), Matrix),
            sum: Matrix,
            metrics: z.record(z.string(), z.number()),
          })
          .nullable(),
      ),
    }),
  ),
  points: z.record(z.string(), z.record(z.string(), z.array(z.array(z.number())))),
  drawn: z.array(z.object({ title: z.string(), cmap: z.string(), df: z.array(z.array(z.number().nullable())) })),
});

export const AGREEMENT_RECORDS = [
  ['open', 'nuclei'],
  ['open', 'pdl1'],
  ['edge', 'nuclei'],
  ['edge', 'pdl1'],
] as const;

/** A record and what the authors' code computed on it (tests/fixtures/agreement/PROVENANCE.md). */
export function agreementOracle(tree: 'open' | 'edge', task: CellTask) {
  const folder = join(FOLDER, tree, task);
  const document = readJson(join(folder, 'readers.json'));
  return {
    document,
    annotations: parseReaderAnnotations(document, task, 'readers.json'),
    expected: Expected.parse(readJson(join(folder, 'expected.json'))),
    points: (stem: string) => pointsIn(join(folder, `${stem}.npy`)),
    pointsFile: (stem: string) => join(folder, `${stem}.npy`),
  };
}

const Ties = z.object({
  orders: z.array(z.object({ points: z.array(z.number()), order: z.array(z.number()) })),
  matches: z.array(
    z.object({
      truth: z.array(z.number()),
      predictions: z.array(z.number()),
      radius: z.number(),
      pairs: z.array(z.number()),
      confusion: Matrix,
      queriesWithTies: z.number(),
    }),
  ),
});

/** What scikit-learn makes of points with many equal distances. */
export const ties = Ties.parse(readJson(join(FOLDER, 'ties.json')));

/** Points from `[x, y, class, x, y, class, ...]`. */
export function cellPoints(flat: readonly number[]): CellPoint[] {
  return Array.from({ length: flat.length / 3 }, (_, k) => ({
    x: flat[3 * k] ?? Number.NaN,
    y: flat[3 * k + 1] ?? Number.NaN,
    class: flat[3 * k + 2] ?? Number.NaN,
  }));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function pointsIn(path: string): CellPoint[] | undefined {
  try {
    return cellPoints(Array.from(decodeNpy(readFileSync(path), path).data, Number));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
