import { isClutter, withoutWrapper, wrapperOf } from '../archive/check-entries.ts';
import { isArchive, KINDS, type Kind, rootOfArchive } from '../dataset/layout.ts';
import type { RecordFile } from '../zenodo/record/record.ts';

/**
 * Identifies the contents of an archive by the paths in it, so that its name does not matter.
 *
 * Most archives say it: all their paths begin with `images/` or another folder of the layout. Of the others the kinds
 * of files decide: weights, NumPy arrays, the figures' names, COCO files and masks next to them, images.
 *
 * @param paths - Paths of the members, with `/`.
 * @returns Undefined where the members are of several kinds or of none.
 */
export function archiveKind(paths: readonly string[]): Kind | undefined {
  const wrapper = wrapperOf(paths, KINDS);
  const members = paths.filter((path) => !isClutter(path)).map((path) => withoutWrapper(path, wrapper));
  const tops = new Set(members.map((path) => path.split('/')[0]));
  const [top] = tops;
  const named = KINDS.find((kind) => kind === top);
  if (tops.size === 1 && named !== undefined) return named;
  if (members.length === 0 || KINDS.some((kind) => tops.has(kind))) return undefined;
  return SIGNS.find(({ pattern }) => members.some((path) => pattern.test(path)))?.kind;
}

/** In this order: a folder of models may hold figures of its training, a folder of figures holds `cm.npy`. */
const SIGNS: readonly { readonly kind: Kind; readonly pattern: RegExp }[] = [
  { kind: 'models', pattern: /\.(model|model\.pkl|pt|pth|onnx)$/i },
  { kind: 'figures', pattern: /(^|\/)(cm\.npy|f1_scores_[^/]*\.png|cm_all\.png)$/i },
  { kind: 'inference', pattern: /(^|\/)(nuclei|pdl1)\/[^/]*\.npy$/i },
  { kind: 'annotations', pattern: /\.json$/i },
  { kind: 'images', pattern: /(^|\/)he\/[^/]*\.png$/i },
];

/**
 * Finds out what the archives of a record hold whose names do not say it, so that a version of the record with other
 * names, or with one archive more, is taken as it is.
 *
 * @param paths - Lists the members of an archive; it is asked only for archives with unknown names.
 * @returns The files, archives that were recognised with their `root`.
 */
export async function identifyArchives(
  files: readonly RecordFile[],
  paths: (file: RecordFile) => Promise<readonly string[]>,
): Promise<readonly RecordFile[]> {
  const identified: RecordFile[] = [];
  for (const file of files) {
    const isUnknown = isArchive(file.key) && rootOfArchive(file) === undefined;
    const root = isUnknown ? archiveKind(await paths(file)) : undefined;
    identified.push(root === undefined ? file : { ...file, root });
  }
  return identified;
}
