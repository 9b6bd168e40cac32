import { TASK_TITLES } from '../../../config/tasks.js';
import { pairName } from '../../metrics/agreement-metrics.js';
import { agreementScores } from '../../metrics/agreement-scores.js';
import { ConfusionMatrix } from '../../metrics/confusion-matrix.js';
import { counted, entryOf, largestChange } from './ledger-file.js';
const INFERENCE = 'src/inference.py';
const UINT16 = 65_536;
/** Macro F1 of every pair of a task, by "group: i|j". */
export function macroF1({ groups }) {
    const scores = new Map();
    for (const [group, { readers, f1 }] of Object.entries(groups)) {
        for (const [i, truth] of readers.entries()) {
            for (const [j, prediction] of readers.entries()) {
                if (i < j)
                    scores.set(`${group}: ${pairName(truth, prediction)}`, f1['macro']?.[i]?.[j] ?? null);
            }
        }
    }
    return scores;
}
function comparedF1(paper, corrected) {
    const other = macroF1(corrected);
    return [...macroF1(paper)].map(([name, score]) => ({ name, paper: score, corrected: other.get(name) ?? null }));
}
/** One offset, half the height of the annotation of id 0, for the centres of all boxes. */
export function boxCentreEntry(metrics, moved) {
    const corrected = tasksOf(metrics).flatMap(([, { corrected: other, ...paper }]) => other === undefined ? [] : comparedF1(paper, other));
    const boxes = Object.values(moved).reduce((sum, count) => sum + count, 0);
    return entryOf({
        id: 'first-box-offset',
        title: "Every box takes the first box's offset to its centre",
        what: 'Half the height of the annotation of id 0 is added to left and top of every box, whatever its size.',
        where: INFERENCE,
        tasks: ['nuclei', 'pdl1'],
    }, {
        status: boxes === 0 ? 'no effect here' : 'affects results',
        effect: `${counted(boxes, 'box has', 'boxes have')} another centre; ` +
            `with centres of their own a macro F1 moves by up to ${largestChange(corrected).toFixed(4)}.`,
        corrected,
    });
}
/** Counts are summed in 16 bits. */
export function overflowEntry(metrics) {
    const affected = [];
    const corrected = [];
    let largest = 0;
    for (const [task, { groups }] of tasksOf(metrics)) {
        for (const [group, { confusion }] of Object.entries(groups)) {
            for (const [pair, rows] of Object.entries(confusion)) {
                if (rows === null)
                    continue;
                const most = Math.max(...rows.flat());
                largest = Math.max(largest, most);
                if (most < UINT16)
                    continue;
                affected.push(`${task}, ${group}: ${pair}`);
                const f1 = (each) => agreementScores(ConfusionMatrix.fromRows(each)).macro.f1;
                const wrapped = rows.map((row) => row.map((count) => count % UINT16));
                corrected.push({ name: `${group}: ${pair}`, paper: f1(wrapped), corrected: f1(rows) });
            }
        }
    }
    return entryOf({
        id: 'uint16-overflow',
        title: 'Counts are summed as 16-bit numbers',
        what: 'A cell of a confusion matrix past 65,535 would begin again at 0. Ours do not.',
        where: 'src/eval_utils.py',
        tasks: ['nuclei', 'pdl1'],
    }, {
        status: affected.length === 0 ? 'no effect here' : 'affects results',
        effect: `The largest count is ${largest}; ${counted(affected.length, 'pair is', 'pairs are')} past the limit of 65,535.`,
        corrected,
        affected,
    });
}
/** The order in which equally near predictions are tried. */
export function tieOrderEntry(verdicts) {
    const corrected = verdicts.flatMap(({ f1, f1LowestIndex }) => f1.map(({ name, ours }, k) => ({ name, paper: ours, corrected: f1LowestIndex[k]?.ours ?? null })));
    const changed = corrected.filter(({ paper, corrected: other }) => paper !== other).length;
    return entryOf({
        id: 'tie-order',
        title: 'Equal distances are decided by the order of a search tree',
        what: 'Of predictions equally far from a reader’s point, the one that scikit-learn’s ball tree lists first is taken; ' +
            'the order of the file would do as well. Both are given; a difference that this order explains is none.',
        where: 'src/eval_utils.py',
        tasks: ['nuclei', 'pdl1'],
    }, {
        status: changed === 0 ? 'no effect here' : 'affects results',
        effect: `${changed} of ${counted(corrected.length, 'F1', 'F1')} with the AI change in the order of the file, ` +
            `by up to ${largestChange(corrected).toFixed(4)}.`,
        corrected,
    });
}
/** Published tiles without any point where we have some: what a suppression that ran out of time leaves. */
export function timeLimitEntry(images, tile) {
    const flagged = images.flatMap(({ task, roi, published, ours }) => {
        const theirs = new Set(published.map((point) => tileOf(point, tile)));
        const empty = new Map();
        for (const point of ours) {
            const at = tileOf(point, tile);
            if (!theirs.has(at))
                empty.set(at, (empty.get(at) ?? 0) + 1);
        }
        return [...empty].map(([at, points]) => ({ name: `${task}, ${roi}, tile ${at}`, points }));
    });
    const points = flagged.reduce((sum, each) => sum + each.points, 0);
    return entryOf({
        id: 'nms-time-limit',
        title: 'Non-maximum suppression gives up after a time limit',
        what: 'On a slow machine the original leaves the remaining tiles of a batch without points. Ours has no such limit. ' +
            'Published tiles without any point, where we have some, are flagged (column and row of the tile).',
        where: 'non_max_suppression of YOLOv5',
        tasks: ['nuclei', 'pdl1'],
    }, {
        status: flagged.length === 0 ? 'no effect here' : 'affects results',
        effect: `${counted(flagged.length, 'tile is', 'tiles are')} empty in the published points; ours there: ${points}.`,
        affected: flagged.map(({ name }) => name),
    });
}
/** The nuclei script's constants that it never passes on. */
export function declaredSettingsEntry(declared) {
    const about = {
        id: 'nuclei-settings',
        title: `${TASK_TITLES.nuclei} runs with other settings than it declares`,
        what: 'The script declares tiles of 128 px, confidence 0.6 and IoU 0.4, and calls the inference without them: ' +
            'in effect are 512 px, 0.5 and 0.5, the defaults. The published points are those of the settings in effect.',
        where: 'code/pdl1_detection/nuclei_test_set_inference.py',
        tasks: ['nuclei'],
    };
    if ('reason' in declared)
        return entryOf(about, { status: 'not measured', effect: declared.reason });
    const corrected = comparedF1(declared.effective, declared.metrics).filter(({ name }) => name.endsWith('|AI'));
    return entryOf(about, {
        status: 'affects results',
        effect: `Detected again with the declared settings on ${counted(declared.images, 'image')}: ${declared.points.declared} ` +
            `points instead of ${declared.points.effective}; a macro F1 moves by up to ${largestChange(corrected).toFixed(4)}.`,
        corrected,
    });
}
function tileOf({ x, y }, tile) {
    return `${Math.floor(x / tile)},${Math.floor(y / tile)}`;
}
function tasksOf(metrics) {
    return ['nuclei', 'pdl1'].flatMap((task) => {
        const of = metrics[task];
        return of === undefined ? [] : [[task, of]];
    });
}
