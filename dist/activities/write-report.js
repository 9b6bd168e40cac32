import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { packageVersion } from '../toolkit/package-version.js';
import { ACQUISITION_FILE } from '../toolkit/report/crate/described-files.js';
import { writeReport as write } from '../toolkit/report/write-report.js';
import { withHeartbeat } from './heartbeat.js';
import { FoldersInput } from './inputs.js';
/** Writes report, crate and manifest of a run that has ended: its last step. What was fetched, with its sums, goes with it. */
export function createWriteReport({ receipts }) {
    return async function writeReport(input) {
        const { folders } = FoldersInput.parse(input);
        let done = 0;
        return withHeartbeat({ phase: 'report', done }, async (report) => {
            const acquisition = await receipts.manifest(folders.data);
            await writeFileAtomic(join(folders.results, ACQUISITION_FILE), `${JSON.stringify(acquisition, null, 1)}\n`);
            return write(folders.results, {
                data: folders.data,
                version: packageVersion(),
                signal: Context.current().cancellationSignal,
                onRoi: () => report({ phase: 'report', done: ++done }),
            });
        });
    };
}
