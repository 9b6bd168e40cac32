import { join, relative, resolve } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/config/load-config.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { FileDigests } from '../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { type HomeFolders, homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { type RunSweep, sweepRun } from '../../toolkit/sweep/swept-run.ts';
import { EXIT, printable, printResult, printStep } from '../output.ts';
import { foldersOf } from './report.ts';
import { sweepLines } from './sweep-lines.ts';

export interface SweepOptions {
  readonly task: CellTask;
  readonly data?: string;
  readonly out?: string;
  readonly step: number;
  readonly json?: boolean;
}

const SMALLEST_STEP = 0.001;
const LARGEST_STEP = 0.5;

/**
 * `reignite sweep`: F1 of every reader with the AI, and the tumour proportion score, over the confidence threshold of a
 * finished run; no network runs.
 *
 * @throws ReigniteError USAGE; RUN_OPEN; RUN_NOT_FOUND; what `sweepRun` throws.
 */
export async function sweepCommand(
  run: string | undefined,
  options: SweepOptions,
  signal: AbortSignal,
): Promise<number> {
  const { task, step, out, json } = options;
  if (!(step >= SMALLEST_STEP && step <= LARGEST_STEP)) {
    throw new ReigniteError('USAGE', `Expected --step from ${SMALLEST_STEP} to ${LARGEST_STEP}, got ${step}.`);
  }
  const { results, data: known, openRun } = await foldersOf(run, signal);
  if (openRun !== undefined) {
    throw new ReigniteError('RUN_OPEN', `The run ${openRun} is open: its results are not complete yet.`, {
      remedy: 'Wait until it has ended, then run the same command again.',
    });
  }
  const summary = await RESULTS.summary.read(results);
  const home = homeFromEnvironment();
  const data = options.data === undefined ? (known ?? (await usualData(results, home))) : resolve(options.data);
  const swept = await sweepRun(
    {
      ...{ task, results, data, summary, signal },
      cache: new StepCache(home.cache, summary.generation),
      digests: new FileDigests(home.digests),
    },
    step,
  );
  printResult(json ? JSON.stringify(swept, null, 1) : printable(sweepLines(swept).join('\n')));
  if (out !== undefined) await writeSweep(swept, resolve(out));
  return EXIT.done;
}

/** Data folder of a run with this configuration, by default. */
async function usualData(results: string, home: HomeFolders): Promise<string> {
  const config = await loadConfig({ profile: RESULTS.configuration.in(results), set: [] });
  return resolveRun(config, home, {}).input.folders.data;
}

async function writeSweep(sweep: RunSweep, out: string): Promise<void> {
  // Vega takes a second to load.
  const { renderVegaLite } = await import('../../toolkit/figures/render-vega-lite.ts');
  const { sweepFigure } = await import('../../toolkit/sweep/sweep-figure.ts');
  const { svg, png } = await renderVegaLite(sweepFigure(sweep));
  const path = (ending: string) => join(out, `${sweep.task}-sweep.${ending}`);
  await writeFileAtomic(path('json'), `${JSON.stringify(sweep, null, 1)}\n`);
  await writeFileAtomic(path('svg'), svg);
  await writeFileAtomic(path('png'), png);
  printStep(`Curves: ${relative('.', path('svg'))}, also as .png and .json`);
}
