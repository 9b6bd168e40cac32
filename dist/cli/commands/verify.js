import { verifyManifest } from '../../toolkit/report/manifest.js';
import { EXIT, printResult } from '../output.js';
import { foldersOf } from '../run/results-folder.js';
/**
 * `reignite verify`: computes the SHA-256 of every output again.
 *
 * @returns 1 when a file is missing, changed or extra.
 */
export async function verifyCommand(run, { json }, signal) {
    const { results } = await foldersOf(run, signal);
    const { files, findings } = await verifyManifest(results, signal);
    if (json)
        printResult(JSON.stringify({ results, files, findings }, null, 1));
    else {
        const lines = findings.map(({ kind, path }) => `${kind.padEnd(8)} ${path}`);
        printResult([...lines, `${files} files checked, ${findings.length} findings`].join('\n'));
    }
    return findings.length === 0 ? EXIT.done : EXIT.error;
}
