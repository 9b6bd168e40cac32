import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TASKS } from '../../config/tasks.js';
import { ReigniteError } from '../errors.js';
import { LedgerFile } from '../verdict/ledger/ledger-file.js';
import { CellsVerdictFile, HeVerdictFile } from '../verdict/verdict-file.js';
import { readConfiguration } from './configuration.js';
import { readEnvironments } from './environment.js';
import { readStepTimes } from './step-times.js';
import { readSummaryFile } from './summary.js';
/**
 * Reads what a closed run left.
 *
 * @throws ReigniteError FILE_MISSING when the folder holds no results.
 */
export async function readReportData(results) {
    const summary = await readSummaryFile(results);
    if (summary === undefined)
        throw new ReigniteError('FILE_MISSING', `${results} holds no summary.json of a run.`);
    const tasks = await Promise.all(TASKS.filter((task) => summary.tasks[task] !== undefined).map((task) => readJson(join(results, 'verdict', `${task}.json`), task === 'he' ? HeVerdictFile : CellsVerdictFile)));
    const ledger = await readJson(join(results, 'verdict', 'ledger.json'), LedgerFile);
    return {
        summary,
        tasks: tasks.filter((task) => task !== undefined),
        ledger: ledger?.entries ?? [],
        configuration: await readConfiguration(results),
        environments: await readEnvironments(results),
        times: await readStepTimes(results),
    };
}
async function readJson(path, schema) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : schema.parse(JSON.parse(text));
}
