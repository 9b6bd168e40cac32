import { VerdictConfig } from '../../config/verdict-config.ts';
import { writeCertificate } from './certificate.ts';
import { writeCrate } from './crate/write-crate.ts';
import { writeLayers } from './layers/write-layers.ts';
import { writeManifest } from './manifest.ts';
import { readReportData } from './report-data.ts';
import { writePage } from './write-page.ts';
import { writeReadme } from './write-readme.ts';
import { zipReport } from './zip-report.ts';

export interface WrittenReport {
  /** Number of files in the manifest. */
  readonly files: number;
}

export interface ReportOptions {
  /** Version of this package. */
  readonly version: string;
  /** Absolute data folder of the run. Without it, existing layers of the viewer are kept. */
  readonly data?: string | undefined;
  /** Called after every ROI whose layers are drawn. */
  readonly onRoi?: () => void;
  readonly signal?: AbortSignal;
}

/**
 * Completes a results folder: writes the report and its zip, the README, the certificate, the crate, and finally the
 * manifest of all files.
 *
 * @throws ReigniteError FILE_MISSING when the folder contains no results.
 */
export async function writeReport(results: string, options: ReportOptions): Promise<WrittenReport> {
  const { version, data: folder, onRoi = () => undefined, signal } = options;
  const data = await readReportData(results);
  const { maxDistance } = (data.configuration?.verdict ?? VerdictConfig.parse({})).cells.tolerance;
  const layers = await writeLayers(results, folder, data.tasks, { maxDistance, signal, onRoi });
  await writePage(results, data, layers, version);
  await zipReport(results, new Date(data.summary.ended ?? 0));
  await writeReadme(results, data);
  await writeCertificate(results, data, version);
  await writeCrate(results, data, version);
  return { files: await writeManifest(results, signal) };
}
