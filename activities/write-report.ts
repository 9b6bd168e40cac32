import { Context } from '@temporalio/activity';
import { packageVersion } from '../toolkit/package-version.ts';
import { type WrittenReport, writeReport as write } from '../toolkit/report/write-report.ts';
import { withHeartbeat } from './heartbeat.ts';
import { FoldersInput } from './inputs.ts';

/** Writes report, crate and manifest of a run that has ended: its last step. */
export function createWriteReport() {
  return async function writeReport(input: FoldersInput): Promise<WrittenReport> {
    const { folders } = FoldersInput.parse(input);
    let done = 0;
    return withHeartbeat({ phase: 'report', done }, (report) =>
      write(folders.results, {
        data: folders.data,
        version: packageVersion(),
        signal: Context.current().cancellationSignal,
        onRoi: () => report({ phase: 'report', done: ++done }),
      }),
    );
  };
}
