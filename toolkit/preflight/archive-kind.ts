import { isClutter } from '../archive/member-path.ts';
import { KINDS, type Kind } from '../dataset/layout.ts';

/**
 * Tells what an archive of the record holds by the paths in it, so that its name does not matter.
 *
 * Most archives say it: all their paths begin with `images/` or another folder of the layout. Of the others the kinds
 * of files decide: weights, NumPy arrays, the figures' names, COCO files and masks beside them, images.
 *
 * @param paths - Paths of the members, with `/`.
 * @returns Undefined where the members are of several kinds or of none.
 */
export function archiveKind(paths: readonly string[]): Kind | undefined {
  const members = paths.filter((path) => !isClutter(path));
  const tops = new Set(members.map((path) => path.split('/')[0]));
  const [top] = tops;
  const named = KINDS.find((kind) => kind === top);
  if (tops.size === 1 && named !== undefined) return named;
  if (members.length === 0 || KINDS.some((kind) => tops.has(kind))) return undefined;
  return SIGNS.find(({ pattern }) => members.some((path) => pattern.test(path)))?.kind;
}

/** In this order: a folder of models may hold figures of its training, a folder of figures holds `cm.npy`. */
const SIGNS: readonly { readonly kind: Kind; readonly pattern: RegExp }[] = [
  { kind: 'models', pattern: /\.(model|model\.pkl|pt|pth|onnx)$/ },
  { kind: 'figures', pattern: /(^|\/)(cm\.npy|f1_scores_[^/]*\.png|cm_all\.png)$/ },
  { kind: 'inference', pattern: /(^|\/)(nuclei|pdl1)\/[^/]*\.npy$/ },
  { kind: 'annotations', pattern: /\.json$/ },
  { kind: 'images', pattern: /(^|\/)he\/[^/]*\.png$/ },
];
