import { environment } from './environment.ts';
import { writeManifest } from './manifest.ts';
import { readReportData } from './report-data.ts';
import { writeCrate } from './write-crate.ts';
import { writePage } from './write-page.ts';

export interface WrittenReport {
  /** Files of the results folder, all in the manifest. */
  readonly files: number;
}

/**
 * Writes what closes a results folder: the report, the crate, and last the manifest of everything.
 *
 * @param options.version - Version of this package.
 * @param options.onRoi - Called after every ROI of the gallery.
 * @throws ReigniteError FILE_MISSING when the folder holds no results.
 */
export async function writeReport(
  results: string,
  options: { readonly version: string; readonly onRoi?: () => void; readonly signal?: AbortSignal },
): Promise<WrittenReport> {
  const data = await readReportData(results);
  const machine = environment(options.version);
  await writePage(results, data, machine, () => {
    options.signal?.throwIfAborted();
    options.onRoi?.();
  });
  await writeCrate(results, data, machine, new Date().toISOString());
  return { files: await writeManifest(results, options.signal) };
}
