import { join } from 'node:path';
import { READER_GROUPS } from '../dataset/readers.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { f1Matrix, f1MatrixData } from './f1-matrix.js';
import { renderVegaLite } from './render-vega-lite.js';
const LOOKS = {
    nuclei: { title: 'F1 scores per reader', scale: 'Blues' },
    RUMC: { title: 'F1 scores per reader (RUMC)', scale: 'Blues' },
    SCDC: { title: 'F1 scores per reader (SCDC)', scale: 'Reds' },
};
/** The figures of a detection task: one a group of readers. */
export function f1Figures({ groups }) {
    return Object.values(READER_GROUPS)
        .flat()
        .flatMap(({ name }) => {
        const group = groups[name];
        if (group === undefined)
            return [];
        const { title, scale } = LOOKS[name];
        const data = f1MatrixData(title, scale, group);
        return [{ stem: `f1_scores_${name}`, data, spec: f1Matrix(data) }];
    });
}
/**
 * Writes `f1_scores_<group>` of a detection task, each as PNG, as SVG and as JSON of everything that it shows.
 *
 * @param options.metrics - `metrics/nuclei.json` or `metrics/pdl1.json`.
 * @param options.outDir - `figures/pdl1/<task>` of a results folder; made if missing.
 * @returns The files written, in a stable order.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function renderF1Figures(options) {
    const written = [];
    for (const { stem, data, spec } of f1Figures(options.metrics)) {
        options.signal?.throwIfAborted();
        const { png, svg } = await renderVegaLite(spec);
        const files = { png, svg, json: `${JSON.stringify(data)}\n` };
        for (const [extension, content] of Object.entries(files)) {
            const path = join(options.outDir, `${stem}.${extension}`);
            await writeFileAtomic(path, content);
            written.push(path);
        }
    }
    return written;
}
