import { PredictionFiles } from './prediction-files.js';
import { ReadImagesInput } from './prediction-inputs.js';
/** Reads one page of the images of a prediction. Runs as a local activity: it is no step that anybody needs to see. */
export function createReadImages(home) {
    return async function readImages(input) {
        const { list, page } = ReadImagesInput.parse(input);
        return new PredictionFiles(home, list).readPage(page);
    };
}
