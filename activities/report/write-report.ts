import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { packageVersion } from '../../config/package-files.ts';
import type { Receipts } from '../../toolkit/cache/receipts.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { ACQUISITION_FILE } from '../../toolkit/report/report-data.ts';
import { type WrittenReport, writeReport as write } from '../../toolkit/report/write-report.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { FoldersInput } from '../inputs.ts';

/** Writes report, crate and manifest of a run that has ended: its last step. What was fetched, with its sums, goes with it. */
export function createWriteReport({ receipts }: { readonly receipts: Receipts }) {
  return async function writeReport(input: FoldersInput): Promise<WrittenReport> {
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
