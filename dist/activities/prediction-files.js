import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../toolkit/errors.js';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { inside } from '../toolkit/files/inside.js';
import { ImageFailure, PredictedImage } from '../toolkit/predict/prediction-summary.js';
import { NamedImage } from './prediction-inputs.js';
const Outcome = z.union([
    z.object({ model: z.string(), prediction: PredictedImage }),
    z.object({ failure: ImageFailure }),
]);
/** The files of a prediction in the home: its images, in pages, and how each ended. */
export class PredictionFiles {
    #folder;
    constructor(home, { folder }) {
        this.#folder = inside(home.runs, folder);
    }
    async writePage(page, images) {
        await writeFileAtomic(this.#page(page), JSON.stringify(images));
    }
    async readPage(page) {
        const path = this.#page(page);
        const text = await readFile(path, 'utf8').catch((cause) => {
            throw new ReigniteError('FILE_MISSING', `There is no list of images ${path}.`, {
                cause,
                remedy: 'Type the same `npx reignite predict --run` again: it writes the list.',
            });
        });
        return z.array(NamedImage).parse(JSON.parse(text));
    }
    async writeOutcome(image, outcome) {
        await writeFileAtomic(this.#outcome(image), JSON.stringify(outcome));
    }
    /** How an image ended; undefined when nothing was noted of it. */
    async readOutcome(image) {
        try {
            return Outcome.parse(JSON.parse(await readFile(this.#outcome(image), 'utf8')));
        }
        catch {
            return undefined;
        }
    }
    #page(page) {
        return join(this.#folder, `images-${String(page).padStart(5, '0')}.json`);
    }
    #outcome({ name }) {
        return inside(join(this.#folder, 'outcomes'), `${name}.json`);
    }
}
