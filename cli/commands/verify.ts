import { ReigniteError } from '../../toolkit/errors.ts';
import { verifyManifest } from '../../toolkit/report/manifest.ts';
import { counted } from '../../toolkit/text.ts';
import { EXIT, printResult } from '../output.ts';
import { foldersOf } from '../run/results-folder.ts';

/**
 * `reignite verify`: computes the SHA-256 of every output again.
 *
 * @returns 1 when a file is missing, changed or extra.
 */
export async function verifyCommand(
  run: string | undefined,
  { json }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const { results, openRun } = await foldersOf(run, signal);
  if (openRun !== undefined) {
    throw new ReigniteError('RUN_OPEN', `The run ${openRun} is open: its results are not complete yet.`, {
      remedy: 'Run its command again to resume it, and verify when it has ended.',
    });
  }
  const { files, findings } = await verifyManifest(results, signal);
  if (json) printResult(JSON.stringify({ results, files, findings }, null, 1));
  else {
    const lines = findings.map(({ kind, path }) => `${kind.padEnd(8)} ${path}`);
    printResult([...lines, `${counted(files, 'file')} checked, ${counted(findings.length, 'finding')}`].join('\n'));
  }
  return findings.length === 0 ? EXIT.done : EXIT.error;
}
