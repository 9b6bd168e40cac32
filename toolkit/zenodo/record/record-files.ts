import { extname, posix } from 'node:path';
import picomatch from 'picomatch';
import type { Task } from '../../../config/tasks.ts';
import { isClutter, withoutWrapper, wrapperOf } from '../../archive/check-entries.ts';
import { isArchive, isPlainFile, KINDS, type Kind, neededOfRecord, rootOfArchive } from '../../dataset/layout.ts';
import { ReigniteError } from '../../errors.ts';
import type { RecordFile, ZenodoRecord } from './record.ts';

/**
 * Selects files of a record with globs over the paths that they and the members of archives have in the data folder
 * (`images/he/patient1_*`, `**` for any depth). A glob without a slash matches names at any depth (`*.json`).
 */
export class Selection {
  readonly #matches: (path: string) => boolean;
  readonly #bases: readonly string[];

  /** @throws ReigniteError USAGE for an empty glob, or without any. */
  constructor(globs: readonly string[]) {
    const patterns = globs.map((glob) => glob.replace(/^\.?\/+/, ''));
    if (patterns.length === 0 || patterns.some((pattern) => pattern === '')) {
      throw new ReigniteError('USAGE', 'Expected --only GLOB, got an empty pattern.', {
        remedy: 'Use a path in the data folder, such as --only "images/he/patient1_*".',
      });
    }
    const matchers = patterns.map((pattern) => picomatch(pattern, { dot: true, basename: !pattern.includes('/') }));
    this.#matches = (path) => matchers.some((matches) => matches(path));
    this.#bases = patterns.map((pattern) => (pattern.includes('/') ? picomatch.scan(pattern).base : ''));
  }

  /** Returns whether a file of the record, or a member of an archive, is selected. */
  takes(path: string): boolean {
    return this.#matches(path);
  }

  /** Returns whether something in a folder may be selected, so that the archive must be inspected. */
  mayTakeBelow(folder: string): boolean {
    return this.#bases.some((base) => {
      const fixed = posix.normalize(base);
      return fixed === '.' || fixed === folder || fixed.startsWith(`${folder}/`);
    });
  }
}

/**
 * Identifies the contents of an archive from the paths in it, so that its name does not matter.
 *
 * In most archives, all paths start with `images/` or another folder of the layout. Otherwise, typical files decide:
 * weights, figures, NumPy arrays of points, COCO files, images.
 *
 * @param paths - Paths of the members, with `/`.
 * @returns Undefined if the members are of several kinds or of none.
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

/**
 * The first match wins: a folder of models may contain figures of its training, and a folder of figures contains
 * `cm.npy`.
 */
const SIGNS: readonly { readonly kind: Kind; readonly pattern: RegExp }[] = [
  { kind: 'models', pattern: /\.(model|model\.pkl|pt|pth|onnx)$/i },
  { kind: 'figures', pattern: /(^|\/)(cm\.npy|f1_scores_[^/]*\.png|cm_all\.png)$/i },
  { kind: 'inference', pattern: /(^|\/)(nuclei|pdl1)\/[^/]*\.npy$/i },
  { kind: 'annotations', pattern: /\.json$/i },
  { kind: 'images', pattern: /(^|\/)he\/[^/]*\.png$/i },
];

/**
 * Determines the contents of archives with unknown names, so that versions of the record with other names or additional
 * archives work too.
 *
 * @param paths - Lists the members of an archive; called only for archives with unknown names.
 * @returns The files; archives that were recognised have a `root`.
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

/** Results that were published with the data. A record without them can be run, but not compared. */
export const PUBLISHED_RESULTS: readonly string[] = ['inference.zip', 'figures.zip', 'he_label_map.json'];

/** Returns the files of a record that the tasks need, and the published results. */
export function neededFiles(record: ZenodoRecord, tasks: readonly Task[], ownModels?: readonly Task[]): RecordFile[] {
  const { folders, files } = neededOfRecord(tasks, ownModels);
  const archives = record.files.filter(({ key }) => isArchive(key));
  // Their members keep their paths, so they may contain any of the folders.
  const mixed = archives.filter((file) => rootOfArchive(file) === undefined);
  const ofFolder = (folder: string) => archives.filter((file) => rootOfArchive(file) === folder);
  const missing = folders.filter((folder) => ofFolder(folder).length === 0);
  const plain = files.map((name) => ({ name, found: plainFiles(record, name) }));
  const isLacking =
    missing.length > 0 || plain.some(({ name, found }) => found.length === 0 && !PUBLISHED_RESULTS.includes(name));
  const needed = [...folders.flatMap(ofFolder), ...(isLacking ? mixed : [])];
  const absent = [
    ...missing.map((folder) => `${folder}.zip`),
    ...plain.filter(({ found }) => found.length === 0).map(({ name }) => name),
  ].filter((name) => !PUBLISHED_RESULTS.includes(name));
  if (mixed.length === 0 && absent.length > 0) {
    throw new ReigniteError('FILE_NOT_IN_RECORD', `Record ${record.id} has no ${absent.join(', ')}.`);
  }
  return [...new Set([...needed, ...plain.flatMap(({ found }) => found)])];
}

/** Returns the file of that name, or else all files that may be the overview or the label map under another name. */
function plainFiles({ files }: ZenodoRecord, name: string): readonly RecordFile[] {
  const named = files.filter(({ key }) => key === name);
  return named.length > 0 ? named : files.filter(({ key }) => isPlainFile(key) && endingOf(key) === endingOf(name));
}

function endingOf(name: string): string {
  return extname(name.toLowerCase().replace(/\.gz$/, ''));
}
