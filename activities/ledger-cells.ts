import type { CellTask } from '../config/tasks.ts';
import { folderOf, readersFile } from '../toolkit/dataset/layout.ts';
import type { CellPoint } from '../toolkit/dataset/readers.ts';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.ts';
import { inside } from '../toolkit/files/inside.ts';
import { evaluateDetection } from '../toolkit/metrics/agreement.ts';
import { readFoundPoints, readPoints } from '../toolkit/metrics/points-file.ts';
import type { DeclaredNuclei, ImagePoints } from '../toolkit/verdict/ledger/cells-entries.ts';
import { declaredFiles, readDeclaredFile } from './declared-files.ts';
import type { RunFolders, WriteLedgerInput } from './inputs.ts';

/** Points of every image that both sides have a file of. */
export async function pointsOfBoth({ data, results }: RunFolders, task: CellTask): Promise<ImagePoints[]> {
  const { images } = await readReaderAnnotations(inside(data, readersFile(task)), task);
  const both = await Promise.all(
    images.map(async ({ stem }): Promise<ImagePoints[]> => {
      const file = `${folderOf('inference', task)}/${stem}.npy`;
      const published = await readPoints(inside(data, file), task).catch(() => undefined);
      const ours = await readPoints(inside(results, file), task).catch(() => undefined);
      return published === undefined || ours === undefined ? [] : [{ task, roi: stem, published, ours }];
    }),
  );
  return both.flat();
}

/** Nuclei by the declared settings beside those by the settings in effect, on the images that have both. */
export async function declaredNuclei(
  { data, results }: RunFolders,
  { reason }: WriteLedgerInput['declared'],
): Promise<DeclaredNuclei | { readonly reason: string }> {
  if (reason !== undefined) return { reason };
  const { images } = await readDeclaredFile(results);
  const all = await readReaderAnnotations(inside(data, readersFile('nuclei')), 'nuclei');
  const annotations = { ...all, images: all.images.filter(({ stem }) => images.includes(stem)) };
  const declared = await readFoundPoints(declaredFiles(results).folder, annotations);
  const effective = await readFoundPoints(inside(results, folderOf('inference', 'nuclei')), annotations);
  const scored = (found: ReadonlyMap<string, readonly CellPoint[]>) =>
    evaluateDetection({ task: 'nuclei', annotations, points: (stem) => found.get(stem) }).metrics;
  return {
    metrics: scored(declared),
    effective: scored(effective),
    points: { declared: countOf(declared), effective: countOf(effective) },
    images: annotations.images.length,
  };
}

function countOf(found: ReadonlyMap<string, readonly CellPoint[]>): number {
  return [...found.values()].reduce((sum, points) => sum + points.length, 0);
}
