import { Context } from '@temporalio/activity';
import { packageVersion } from '../../config/package-files.ts';
import type { Receipts } from '../../toolkit/cache/receipts.ts';
import { type WrittenReport, writeReport as write } from '../../toolkit/report/write-report.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { FoldersInput } from '../inputs.ts';

/** Writes report, crate and manifest as the last activity of a run, with the downloaded files and their checksums. */
export function createWriteReport({ receipts }: { readonly receipts: Receipts }) {
  return async function writeReport(input: FoldersInput): Promise<WrittenReport> {
    const { folders } = FoldersInput.parse(input);
    let done = 0;
    return withHeartbeat({ phase: 'report', done }, async (report) => {
      const acquisition = await receipts.manifest(folders.data);
      await RESULTS.acquisition.write(folders.results, acquisition);
      return write(folders.results, {
        data: folders.data,
        version: packageVersion(),
        signal: Context.current().cancellationSignal,
        onRoi: () => report({ phase: 'report', done: ++done }),
      });
    });
  };
}
