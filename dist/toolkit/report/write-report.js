import { writeCrate } from './crate/write-crate.js';
import { writeLayers } from './layers/write-layers.js';
import { writeManifest } from './manifest.js';
import { readReportData } from './report-data.js';
import { writePage } from './write-page.js';
import { writeReadme } from './write-readme.js';
import { zipReport } from './zip-report.js';
/**
 * Writes what closes a results folder: the report and its zip, the crate, and last the manifest of everything.
 *
 * @throws ReigniteError FILE_MISSING when the folder holds no results.
 */
export async function writeReport(results, options) {
    const { version, data: folder, onRoi = () => undefined, signal } = options;
    const data = await readReportData(results);
    const layers = await writeLayers(results, folder, data.tasks, { signal, onRoi });
    await writePage(results, data, layers, version);
    await zipReport(results, new Date(data.summary.ended ?? 0));
    await writeReadme(results, data);
    await writeCrate(results, data, version);
    return { files: await writeManifest(results, signal) };
}
