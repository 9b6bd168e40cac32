import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { PredictionFiles } from './prediction-files.ts';
import { type NamedImage, ReadImagesInput } from './prediction-inputs.ts';

/** Reads one page of the images of a prediction. Runs as a local activity: it is no step that anybody needs to see. */
export function createReadImages(home: HomeFolders) {
  return async function readImages(input: ReadImagesInput): Promise<NamedImage[]> {
    const { list, page } = ReadImagesInput.parse(input);
    return new PredictionFiles(home, list).readPage(page);
  };
}
