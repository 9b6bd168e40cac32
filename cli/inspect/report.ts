import { join, resolve } from 'node:path';
import { packageVersion } from '../../config/package-files.ts';
import { counted, firstOf } from '../../toolkit/format.ts';
import {
  changedSinceManifest,
  earlierManifest,
  type ManifestFinding,
  verifyManifest,
} from '../../toolkit/report/manifest.ts';
import { isWrittenByReport, writeReport } from '../../toolkit/report/write-report.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { foldersOf, refuseOpen } from './run-folders.ts';

/**
 * `reignite report`: rebuilds report, crate and manifest of a run from its results.
 *
 * @throws ReigniteError RUN_OPEN; RUN_NOT_FOUND; USAGE; FILE_MISSING.
 * @param options.data - The run's record; known for runs of this state directory. Without it, the viewer keeps its
 *   current layers.
 */
export async function reportCommand(
  run: string | undefined,
  options: { readonly json?: boolean; readonly data?: string },
  signal: AbortSignal,
): Promise<number> {
  const folders = await foldersOf(run, signal);
  refuseOpen(folders);
  const { results, data: known } = folders;
  const data = options.data === undefined ? known : resolve(options.data);
  const earlier = await earlierManifest(results);
  const { files } = await writeReport(results, { version: packageVersion(), data, signal });
  const report = join(results, 'report', 'index.html');
  const warning = lossWarning(await changedSinceManifest(results, earlier, isWrittenByReport));
  if (warning !== undefined) printStep(warning);
  const { json } = options;
  printResult(
    json ? JSON.stringify({ report, results, files }, null, 1) : `${report}\n${counted(files, 'file')} in the manifest`,
  );
  return EXIT.done;
}

/**
 * Says which files were lost or changed before the report was rebuilt: its manifest lists only what is there now.
 *
 * @returns Undefined if there are none.
 */
export function lossWarning(findings: readonly ManifestFinding[]): string | undefined {
  if (findings.length === 0) return undefined;
  const named = firstOf(findings.map(({ kind, path }) => `${path} (${kind})`));
  return (
    `WARNING: since the last manifest, ${counted(findings.length, 'file')} of the run went missing or changed: ${named}. ` +
    'The new manifest does not show this. Run the same `npx reignite run` command again to restore them.'
  );
}

/**
 * `reignite verify`: recomputes the SHA-256 of every output.
 *
 * @returns 1 when a file is missing, changed or extra.
 */
export async function verifyCommand(
  run: string | undefined,
  { json }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const folders = await foldersOf(run, signal);
  refuseOpen(folders);
  const { results } = folders;
  const { files, findings } = await verifyManifest(results, signal);
  if (json) printResult(JSON.stringify({ results, files, findings }, null, 1));
  else {
    const lines = findings.map(({ kind, path }) => `${kind.padEnd(8)} ${path}`);
    printResult([...lines, `${counted(files, 'file')} checked, ${counted(findings.length, 'finding')}`].join('\n'));
  }
  return findings.length === 0 ? EXIT.done : EXIT.error;
}
