import { stat } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { NamedImage } from '../../toolkit/predict/prediction-order.ts';

/**
 * The images of the command line, each with the name of its files: its own without the ending.
 *
 * @throws ReigniteError FILE_MISSING for one that is not there, USAGE when two would write the same files.
 */
export async function nameImages(words: readonly string[]): Promise<readonly NamedImage[]> {
  const byName = new Map<string, string>();
  const images: NamedImage[] = [];
  for (const word of words) {
    const path = resolve(word);
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile()) {
      const what = found?.isDirectory() ? 'is a folder' : 'is not there';
      throw new ReigniteError('FILE_MISSING', `The image ${path} ${what}.`, {
        remedy: 'Name image files; a shell expands folder/*.png.',
      });
    }
    const name = basename(path, extname(path));
    const other = byName.get(name.toLowerCase());
    if (other === path) continue;
    if (other !== undefined) {
      throw new ReigniteError('USAGE', `${other} and ${path} would write the same files.`, {
        remedy: 'Predict them into different folders, or rename one.',
      });
    }
    byName.set(name.toLowerCase(), path);
    images.push({ path, name });
  }
  return images;
}
