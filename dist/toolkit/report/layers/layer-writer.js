import { join } from 'node:path';
import { writeFileAtomic } from '../../files/atomic-write.js';
import { finestWithin } from './layer-budget.js';
/** Writes the layers of one ROI to report/assets, each within its bytes. */
export class LayerWriter {
    files = {};
    notes = [];
    #folder;
    #report;
    constructor(results, task, roi) {
        this.#report = join(results, 'report');
        this.#folder = `assets/${task}/${roi}`;
    }
    /** @param longest - Longer side of the ROI in px. */
    async writeImage(layer, limit, longest, encode) {
        const bytes = await finestWithin(limit, longest, encode);
        if (bytes === undefined)
            this.notes.push(`The layer "${layer}" would be larger than a report allows.`);
        else
            await this.#write(layer, 'webp', bytes);
    }
    async writeDrawing(layer, limit, svg) {
        if (svg.length <= limit)
            await this.#write(layer, 'svg', svg);
        else
            this.notes.push(`The layer "${layer}" would be larger than a report allows.`);
    }
    async #write(layer, extension, content) {
        const file = `${this.#folder}/${layer}.${extension}`;
        await writeFileAtomic(join(this.#report, file), content);
        this.files[layer] = file;
    }
}
