import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { inside } from '../../toolkit/files/inside.ts';
import { NamedImage, ReadImagesInput } from './prediction-inputs.ts';

/** The images of a prediction, in pages, in the home. */
export class PredictionFiles {
  readonly #folder: string;

  constructor(home: HomeFolders, { folder }: { readonly folder: string }) {
    this.#folder = inside(home.runs, folder);
  }

  async writePage(page: number, images: readonly NamedImage[]): Promise<void> {
    await writeFileAtomic(this.#page(page), JSON.stringify(images));
  }

  async readPage(page: number): Promise<NamedImage[]> {
    const path = this.#page(page);
    const text = await readFile(path, 'utf8').catch((cause) => {
      throw new ReigniteError('FILE_MISSING', `The list of images ${path} is missing.`, {
        cause,
        remedy: 'Run the same `npx reignite predict --run` again; it rewrites the list.',
      });
    });
    return z.array(NamedImage).parse(JSON.parse(text));
  }

  #page(page: number): string {
    return join(this.#folder, `images-${String(page).padStart(5, '0')}.json`);
  }
}

/** Reads one page of the images of a prediction. A local activity: it does not need to show in the history's timeline. */
export function createReadImages(home: HomeFolders) {
  return async function readImages(input: ReadImagesInput): Promise<NamedImage[]> {
    const { list, page } = ReadImagesInput.parse(input);
    return new PredictionFiles(home, list).readPage(page);
  };
}
