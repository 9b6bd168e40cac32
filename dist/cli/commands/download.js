import { join, relative } from 'node:path';
import { TASKS } from '../../config/tasks.js';
import { Receipts } from '../../toolkit/cache/receipts.js';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.js';
import { bytesText, timeText } from '../../toolkit/quantity-text.js';
import { Selection } from '../../toolkit/zenodo/selection.js';
import { loadConfig } from '../config/load-config.js';
import { pinRecord } from '../config/pin-record.js';
import { FileLines } from '../download/file-lines.js';
import { resolveDownload, startDownload } from '../download/start-download.js';
import { watchDownload } from '../download/watch-download.js';
import { EXIT, printResult, printStep } from '../output.js';
import { runPage } from '../run/follow-run.js';
import { onPlatform, watchOn } from '../run/on-platform.js';
import { resolveRun } from '../run/resolve-run.js';
import { workerSettingsOf } from '../worker-settings.js';
/**
 * `reignite download`: the acquisition alone. The record's files are fetched, verified and unpacked into the data
 * folder: all of them, or with `--tasks` what these need, or with `--only` what the globs name.
 *
 * @returns The exit status.
 */
export async function downloadCommand(options, signal) {
    const home = homeFromEnvironment();
    const only = options.only?.length ? [...options.only] : undefined;
    if (only !== undefined)
        new Selection(only);
    const config = await pinRecord(await loadConfig(options), home, printStep, signal);
    const { data } = resolveRun(config, home, options).input.folders;
    const whole = TASKS.every((task) => config.tasks.includes(task));
    const download = resolveDownload({ config, data, whole, ...(only === undefined ? {} : { only }) });
    const settings = workerSettingsOf(config);
    const outcome = await onPlatform({ home, settings, onStep: printStep, signal }, (platform) => follow(platform, download, signal));
    if (options.json)
        printResult(JSON.stringify(await documentOf(outcome, home, data), null, 1));
    else
        printResult(summaryOf(outcome, data));
    return EXIT.done;
}
async function follow(platform, download, signal) {
    const { client, server } = platform;
    const { id } = download;
    const how = await startDownload(client, server, download, printStep);
    printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${id}`);
    if (server.uiUrl !== undefined)
        printStep(`Temporal UI: ${runPage(server.uiUrl, server.namespace, id)}`);
    const lines = new FileLines(printStep);
    let told = '';
    await watchOn(platform, signal, (until) => watchDownload(client, id, (files, record) => {
        lines.show(files);
        if (record !== undefined && record.cause !== told) {
            told = record.cause;
            printStep(`record  waits: ${record.cause} Tried again in ${timeText(record.seconds)}.`);
        }
    }, until));
    return await client.workflow.getHandle(id).result();
}
/** What `--json` prints: the record, and every file of it that was wanted, with its sums. */
async function documentOf(outcome, home, data) {
    const { id, concept, doi, title, files } = outcome;
    const manifest = await new Receipts(home.receipts).manifest(data);
    return {
        status: 'done',
        record: { id, concept: concept ?? null, doi: doi ?? null, title },
        data,
        files: files.map((file) => {
            const receipt = manifest.files.find(({ key }) => key === file.key);
            return { sha256: null, ...file, contents: receipt?.files ?? [] };
        }),
    };
}
function summaryOf({ id, doi, title, files }, data) {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const count = files.reduce((sum, file) => sum + file.files, 0);
    const width = Math.max(0, ...files.map(({ key }) => key.length));
    return [
        `Record ${id}${doi === undefined ? '' : ` (doi:${doi})`}: ${title}`,
        ...files.map((file) => `  ${file.key.padEnd(width)}  ${outcomeText(file)}`),
        `${count} files, ${bytesText(bytes)}, in ${relative(process.cwd(), join(data)) || '.'}`,
    ].join('\n');
}
function outcomeText({ size, state, verified, files, sha256 }) {
    const whole = `${bytesText(size).padStart(7)}  ${state}`;
    if (state === 'skipped')
        return whole;
    const sums = sha256 === undefined ? `${verified}` : `${verified}, sha256 ${sha256.slice(0, 16)}`;
    return `${whole}, ${files} ${files === 1 ? 'file' : 'files'}, verified by ${sums}`;
}
