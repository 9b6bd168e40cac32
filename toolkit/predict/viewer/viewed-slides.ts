import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { counted } from '../../format.ts';
import type { ViewChoice } from '../../slide/read/slide-view.ts';
import { type ImagePrediction, isOfSlide } from '../prediction.ts';
import { readPredictionSummary } from '../prediction-summary.ts';

/** A prediction of a slide, and its prediction folder. */
export interface SlidePrediction {
  readonly folder: string;
  readonly image: ImagePrediction;
}

/** A slide to view, with its predictions. */
export interface ViewedSlide {
  readonly name: string;
  /** Absolute path of the slide. */
  readonly path: string;
  readonly choice: ViewChoice;
  readonly tissue?: SlidePrediction;
  readonly cells?: SlidePrediction;
}

/**
 * Finds the slides of prediction folders. Combines tissue and cells of the same slide from two folders.
 *
 * @param folders - Absolute paths.
 * @param slides - Folder that contains the slides, if they were moved.
 * @param onLeftOut - Called with a note on each folder with images that are not slides, or without any prediction.
 * @throws ReigniteError FILE_MISSING for a folder without a prediction, or for a slide or file that does not exist; USAGE
 *   for folders without slides, and for two slides of the same name; PATH_TRAVERSAL for a name that contains a path.
 */
export async function viewedSlides(
  folders: readonly string[],
  slides?: string,
  onLeftOut: (note: string) => void = () => undefined,
): Promise<readonly ViewedSlide[]> {
  const found = new Map<string, ViewedSlide>();
  for (const folder of folders) {
    const { images, settings } = await readPredictionSummary(folder);
    const { mpp, level } = settings;
    const choice = { ...(typeof mpp === 'number' && { mpp }), ...(typeof level === 'number' && { level }) };
    const others = images.filter((image) => !isOfSlide(image)).length;
    if (others > 0) onLeftOut(`${folder}: ${counted(others, 'image')} left out; the viewer shows whole slides only.`);
    if (images.length === 0) onLeftOut(`${folder} contains no predicted slide.`);
    for (const image of images.filter(isOfSlide)) {
      requireFolderName(image.name, folder);
      const known = found.get(image.name);
      const path = slides === undefined ? image.image : join(slides, basename(image.image));
      if (known !== undefined && known.path !== path) throw twoOfOneName(image.name, known.path, path);
      const part = image.areas === undefined ? 'cells' : 'tissue';
      found.set(image.name, { ...(known ?? { name: image.name, path, choice }), [part]: { folder, image } });
    }
  }
  if (found.size === 0) {
    throw new ReigniteError('USAGE', `There are no predicted slides in ${folders.join(', ')}.`, {
      remedy: 'Name the output folder of `npx reignite predict` for whole slides. For images, see overlays/.',
    });
  }
  for (const slide of found.values()) requireFiles(slide);
  return [...found.values()];
}

/** Checks the name of a slide, because its tiles are written into a folder of that name. */
function requireFolderName(name: string, folder: string): void {
  if (!['', '.', '..'].includes(name) && !/[/\\\0]/.test(name)) return;
  throw new ReigniteError(
    'PATH_TRAVERSAL',
    `The name of a slide in ${join(folder, 'summary.json')} is not the name of a single folder: ${JSON.stringify(name)}.`,
    { remedy: 'Run the same `npx reignite predict` again, which rewrites summary.json.' },
  );
}

function twoOfOneName(name: string, one: string, other: string): ReigniteError {
  return new ReigniteError('USAGE', `Two slides are named ${name}: ${one} and ${other}.`, {
    remedy: 'Make a viewer for each folder.',
  });
}

function requireFiles({ path, tissue, cells }: ViewedSlide): void {
  if (!existsSync(path)) {
    throw new ReigniteError('FILE_MISSING', `Slide not found: ${path}.`, {
      remedy: 'Use `--slides` to name the folder that holds the slides.',
    });
  }
  const files = [
    ...(tissue === undefined ? [] : [pathOf(tissue, 'mask'), pathOf(tissue, 'margin')]),
    ...(cells === undefined ? [] : [pathOf(cells, 'points')]),
  ];
  const missing = files.find((file) => !existsSync(file));
  if (missing === undefined) return;
  throw new ReigniteError('FILE_MISSING', `File of the prediction not found: ${missing}.`, {
    remedy: 'Run the same `npx reignite predict` again: it rewrites the file from the cache.',
  });
}

/** Returns the absolute path of a file of a prediction. */
export function pathOf({ folder, image }: SlidePrediction, file: string): string {
  return join(folder, image.files[file] ?? `no file ${file}`);
}
