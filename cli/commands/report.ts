import { join } from 'node:path';
import { packageVersion } from '../../toolkit/package-version.ts';
import { writeReport } from '../../toolkit/report/write-report.ts';
import { EXIT, printResult } from '../output.ts';
import { resultsFolder } from '../run/results-folder.ts';

/** `reignite report`: builds report, crate and manifest of a run anew from its results. */
export async function reportCommand(
  run: string | undefined,
  { json }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const results = await resultsFolder(run, signal);
  const { files } = await writeReport(results, { version: packageVersion(), signal });
  const report = join(results, 'report', 'index.html');
  printResult(json ? JSON.stringify({ report, results, files }, null, 1) : `${report}\n${files} files in the manifest`);
  return EXIT.done;
}
