import { join, resolve } from 'node:path';
import { packageVersion } from '../../toolkit/package-version.ts';
import { writeReport } from '../../toolkit/report/write-report.ts';
import { counted } from '../../toolkit/text.ts';
import { EXIT, printResult } from '../output.ts';
import { foldersOf } from '../run/results-folder.ts';

/**
 * `reignite report`: builds report, crate and manifest of a run anew from its results.
 *
 * @param options.data - The run's record; that of a run of this home is known. Without it the viewer keeps the layers
 *   that it has.
 */
export async function reportCommand(
  run: string | undefined,
  options: { readonly json?: boolean; readonly data?: string },
  signal: AbortSignal,
): Promise<number> {
  const { results, data: known } = await foldersOf(run, signal);
  const data = options.data === undefined ? known : resolve(options.data);
  const { files } = await writeReport(results, { version: packageVersion(), data, signal });
  const report = join(results, 'report', 'index.html');
  const { json } = options;
  printResult(
    json ? JSON.stringify({ report, results, files }, null, 1) : `${report}\n${counted(files, 'file')} in the manifest`,
  );
  return EXIT.done;
}
