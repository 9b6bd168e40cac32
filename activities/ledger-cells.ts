import type { CellTask } from '../config/tasks.ts';
import type { CellPoint } from '../toolkit/dataset/cell-point.ts';
import { folderOf, readersFile } from '../toolkit/dataset/layout.ts';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { inside } from '../toolkit/files/inside.ts';
import { evaluateDetection } from '../toolkit/metrics/agreement.ts';
import { readFoundPoints, readPoints } from '../toolkit/metrics/points-file.ts';
import type { DeclaredNuclei, ImagePoints } from '../toolkit/verdict/ledger/cells-entries.ts';
import { declaredFiles, readDeclaredFile } from './declared-files.ts';
import type { RunFolders, WriteLedgerInput } from './inputs.ts';
import { publishedOr } from './published-prediction.ts';

/**
 * Points of every image on both sides; an image without a file has none, as the authors write it. Images whose
 * published file cannot be read are left out, and all of them where no points are published at all.
 */
export async function pointsOfBoth({ data, results }: RunFolders, task: CellTask): Promise<ImagePoints[]> {
  const { images } = await readReaderAnnotations(inside(data, readersFile(task)), task);
  const both: ImagePoints[] = [];
  let arePublished = false;
  for (const { stem } of images) {
    const file = `${folderOf('inference', task)}/${stem}.npy`;
    const published = await publishedOr(stem, data, () => pointsIfThere(inside(data, file), task));
    if (!('read' in published)) continue;
    arePublished ||= published.read !== undefined;
    const ours = (await pointsIfThere(inside(results, file), task)) ?? [];
    both.push({ task, roi: stem, published: published.read ?? [], ours });
  }
  return arePublished ? both : [];
}

async function pointsIfThere(path: string, task: CellTask): Promise<readonly CellPoint[] | undefined> {
  try {
    return await readPoints(path, task);
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
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
