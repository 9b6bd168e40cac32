import { StepCache } from '../cache/step-cache.js';
import { readLabelMap } from '../dataset/label-map.js';
import { cellClasses } from '../models/cell-classes.js';
import { prepareCellModel } from '../models/cell-model.js';
import { tissueClasses } from '../models/tissue-classes.js';
import { prepareTissueModel } from '../models/tissue-model.js';
import { predictCells } from './predict-cells.js';
import { predictTissue } from './predict-tissue.js';
/**
 * Makes the model ready and finds out what it runs on.
 *
 * @throws ReigniteError of whatever the model or the labels lack.
 */
export async function openPredictor(order, home, engines, options = {}) {
    return order.task === 'he'
        ? openTissue(order, home, engines, options)
        : openCells(order, order.task, home, engines, options);
}
async function openTissue({ model: path, labels, out, session, choices }, home, { segmenter }, { signal, onConverted }) {
    const given = labels === undefined ? undefined : await readLabelMap(labels);
    const model = await prepareTissueModel(path, home.models, {
        ...(signal && { signal }),
        onProgress: ({ step, done, total }) => {
            if (step === 'convert')
                onConverted?.(done, total);
        },
    });
    const engine = await segmenter.probe({ modelDir: model.modelDir, ...session }, signal && { signal });
    const classes = tissueClasses(model.classes, given ?? model.labels);
    const services = { home, cache: new StepCache(home.cache) };
    return {
        digest: model.digest,
        predict: ({ path: image, name }, stop) => predictTissue({ image, name, out, model, classes, engine, session, choices }, segmenter, services, stop),
    };
}
async function openCells({ model: path, out, session, choices }, task, home, { detector }, { signal }) {
    const model = await prepareCellModel(path, home.models, { ...(signal && { signal }) });
    const engine = await detector.probe({ modelDir: model.modelDir, ...session }, signal && { signal });
    const classes = cellClasses(task, model.classes);
    const services = { home, cache: new StepCache(home.cache) };
    return {
        digest: model.digest,
        predict: ({ path: image, name }, stop) => predictCells({ task, image, name, out, model, classes, engine, session, choices }, detector, services, stop),
    };
}
