import { resolve } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.js';
import { evaluateCells } from '../evaluate/evaluate-cells.js';
import { evaluateTissue } from '../evaluate/evaluate-tissue.js';
import { evaluationTable } from '../evaluate/evaluation-table.js';
import { readLabelTranslation } from '../evaluate/label-translation.js';
import { EXIT, printResult, printStep } from '../output.js';
/** `reignite evaluate`: anybody's predictions under the paper's protocol; no Temporal, no model, no images needed. */
export async function evaluateCommand({ task, json, labels, ...paths }) {
    const folders = { data: resolve(paths.data), predictions: resolve(paths.predictions), out: resolve(paths.out) };
    if (labels !== undefined && task !== 'he') {
        throw new ReigniteError('USAGE', '--labels is for masks: points carry the number of their class.');
    }
    const translation = labels === undefined ? {} : { labels: await readLabelTranslation(resolve(labels)) };
    const evaluated = await (task === 'he'
        ? evaluateTissue({ ...folders, ...translation })
        : evaluateCells(task, folders));
    const { metrics, intervals, images, remarks } = evaluated;
    for (const remark of [...remarks, ...intervals.warnings])
        printStep(remark);
    printResult(json
        ? JSON.stringify({ ...metrics, intervals }, null, 1)
        : evaluationTable(task, { ...evaluated, intervals: intervals.intervals }).join('\n'));
    printStep(`${images} ROIs evaluated; metrics and figures are in ${folders.out}.`);
    return EXIT.done;
}
