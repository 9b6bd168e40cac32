import { join, resolve } from 'node:path';
import { packageVersion } from '../../toolkit/package-version.js';
import { writeReport } from '../../toolkit/report/write-report.js';
import { EXIT, printResult } from '../output.js';
import { foldersOf } from '../run/results-folder.js';
/**
 * `reignite report`: builds report, crate and manifest of a run anew from its results.
 *
 * @param options.data - The run's record; that of a run of this home is known. Without it the viewer keeps the layers
 *   that it has.
 */
export async function reportCommand(run, options, signal) {
    const { results, data: known } = await foldersOf(run, signal);
    const data = options.data === undefined ? known : resolve(options.data);
    const { files } = await writeReport(results, { version: packageVersion(), data, signal });
    const report = join(results, 'report', 'index.html');
    const { json } = options;
    printResult(json ? JSON.stringify({ report, results, files }, null, 1) : `${report}\n${files} files in the manifest`);
    return EXIT.done;
}
