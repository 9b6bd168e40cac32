import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { readLabelMap } from '../toolkit/dataset/label-map.js';
import { LABEL_MAP_FILE, OVERVIEW_FILE, readersFile } from '../toolkit/dataset/layout.js';
import { readOverview } from '../toolkit/dataset/overview.js';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.js';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { inside } from '../toolkit/files/inside.js';
import { DetectionMetrics } from '../toolkit/metrics/agreement-metrics.js';
import { sumOfConfusions } from '../toolkit/metrics/evaluate-he.js';
import { boxCentreEntry, declaredSettingsEntry, overflowEntry, tieOrderEntry, timeLimitEntry, } from '../toolkit/verdict/ledger/cells-entries.js';
import { LedgerFile } from '../toolkit/verdict/ledger/ledger-file.js';
import { duplicateImagesEntry, installEntry, missingFilesEntry, sharedPatientsEntry, sizesEntry, } from '../toolkit/verdict/ledger/record-entries.js';
import { backgroundEntry, labelNameEntry, roundingEntry, strayEntry, unannotatedEntry, } from '../toolkit/verdict/ledger/tissue-entries.js';
import { CellsVerdictFile } from '../toolkit/verdict/verdict-file.js';
import { TASK_SETTINGS } from '../toolkit/yolov5/task-settings.js';
import { withHeartbeat } from './heartbeat.js';
import { WriteLedgerInput } from './inputs.js';
import { declaredNuclei, pointsOfBoth } from './ledger-cells.js';
import { hashImages, rowsWithFiles } from './ledger-record.js';
import { roundedAgain, tissueRois } from './ledger-tissue.js';
const CELL_TASKS = ['nuclei', 'pdl1'];
/** Measures what the authors' code and record do otherwise than one would expect, and writes verdict/ledger.json. */
export function createWriteLedger(services) {
    return async function writeLedger(input) {
        const step = WriteLedgerInput.parse(input);
        return withHeartbeat({ phase: 'measuring' }, async (report) => {
            const entries = [
                ...(await tissueEntries(step, services)),
                ...(await cellsEntries(step)),
                ...(await recordEntries(step, services, report)),
            ];
            const file = LedgerFile.parse({ schema: 1, entries });
            await writeFileAtomic(join(step.folders.results, 'verdict', 'ledger.json'), `${JSON.stringify(file, null, 1)}\n`);
            const affecting = entries.filter(({ status }) => status.startsWith('affects')).map(({ id }) => id);
            return { entries: entries.length, affecting };
        });
    };
}
async function tissueEntries(step, services) {
    const { he } = step.stages;
    if (he === undefined)
        return [];
    const { rois, patch } = await tissueRois(he, services);
    const total = sumOfConfusions(rois.map(({ confusion }) => confusion));
    const map = await readLabelMap(inside(step.folders.data, LABEL_MAP_FILE)).catch(() => undefined);
    return [
        backgroundEntry(total),
        unannotatedEntry(total),
        strayEntry(rois, step.scope),
        labelNameEntry(map),
        roundingEntry(rois, patch, step.rounded ? await roundedAgain(step.folders.results, rois) : undefined),
    ];
}
async function cellsEntries(step) {
    const { folders, stages } = step;
    const tasks = CELL_TASKS.filter((task) => stages[task] !== undefined);
    if (tasks.length === 0)
        return [];
    const metrics = {};
    const moved = {};
    for (const task of tasks) {
        metrics[task] = DetectionMetrics.parse(await readJson(join(folders.results, 'metrics', `${task}.json`)));
        moved[task] = await movedBoxes(folders.data, task);
    }
    const verdicts = await Promise.all(tasks.map(async (task) => CellsVerdictFile.parse(await readJson(join(folders.results, 'verdict', `${task}.json`)))));
    const images = (await Promise.all(tasks.map((task) => pointsOfBoth(folders, task)))).flat();
    return [
        ...(stages.nuclei === undefined ? [] : [declaredSettingsEntry(await declaredNuclei(folders, step.declared))]),
        boxCentreEntry(metrics, moved),
        overflowEntry(metrics),
        tieOrderEntry(verdicts),
        timeLimitEntry(images, TASK_SETTINGS.pdl1.tile),
    ];
}
async function recordEntries({ folders }, services, report) {
    const rows = await readOverview(inside(folders.data, OVERVIEW_FILE));
    const withFiles = await rowsWithFiles(folders.data, rows);
    const images = await hashImages(folders.data, services.digests, (done, of) => {
        Context.current().cancellationSignal.throwIfAborted();
        report({ phase: 'looking for duplicates', done, of });
    });
    return [
        missingFilesEntry(withFiles),
        sharedPatientsEntry(rows),
        duplicateImagesEntry(images, rows),
        sizesEntry(withFiles),
        installEntry(),
    ];
}
/** Points of readers that the first box's offset puts elsewhere than the box's own. */
async function movedBoxes(data, task) {
    const path = inside(data, readersFile(task));
    const [first, own] = [await readReaderAnnotations(path, task), await readReaderAnnotations(path, task, 'own')];
    let moved = 0;
    for (const [reader, images] of first.points) {
        for (const [image, points] of images) {
            const others = own.points.get(reader)?.get(image) ?? [];
            moved += points.filter(({ x, y }, k) => x !== others[k]?.x || y !== others[k]?.y).length;
        }
    }
    return moved;
}
async function readJson(path) {
    return JSON.parse(await readFile(path, 'utf8'));
}
