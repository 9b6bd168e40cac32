import { relative } from 'node:path';
import { TASK_TITLES } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { pinRecord, type ResolvedRun, resolveRun } from '../../runtime/run/resolve-run.ts';
import { type HomeFolders, homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { bytesText, counted, timeText } from '../../toolkit/format.ts';
import { parseRecordId } from '../../toolkit/zenodo/record/record.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { isDataComplete, lookAtRecord, lookLines } from './look-at-record.ts';
import { ASSUMED_RATE, planRun, type RunPlan, type TaskPlan } from './plan-run.ts';

/** Options of `plan`; `run`, `download` and `doctor` have them too. */
export interface PlanOptions {
  readonly profile: string;
  readonly set: readonly string[];
  readonly data?: string;
  readonly results?: string;
  readonly tasks?: readonly string[];
  readonly json?: boolean;
  readonly fresh?: boolean;
}

/**
 * `reignite plan`: shows what a run with these options would download, compute and take from the cache, and how long it
 * may take. Starts nothing. Downloads only the record's description and small parts of its files, to check it.
 *
 * @returns The exit status: 0.
 */
export async function planCommand(options: PlanOptions, signal: AbortSignal): Promise<number> {
  const home = homeFromEnvironment();
  const asked = await loadConfig(options);
  const named = resolveRun({ ...asked, record: parseRecordId(asked.record) }, home, options);
  const run = (await isDataComplete(named.input))
    ? named
    : resolveRun(await pinRecord(asked, home, printStep, signal), home, options);
  const look = await lookAtRecord(run.input, home, signal);
  const plan = await planRun(run, home, { fresh: options.fresh ?? false, look, signal });
  const lines = [...planLines(plan), ...lookLines(look)];
  printResult(options.json ? JSON.stringify({ ...plan, record: look }, null, 1) : lines.join('\n'));
  return EXIT.done;
}

/** Formats a plan for people. */
function planLines(plan: RunPlan): readonly string[] {
  return [
    `Plan of ${plan.run}`,
    `Data     ${relative(process.cwd(), plan.data) || '.'}`,
    `Results  ${relative(process.cwd(), plan.results) || '.'}`,
    ...fileLines(plan),
    ...plan.tasks.flatMap(taskLines),
  ];
}

function fileLines({ files, bytes, disk, hours }: RunPlan): string[] {
  const free = disk.free === undefined ? 'unknown' : bytesText(disk.free);
  if (files === undefined || bytes === undefined) {
    return [
      `Contents of the record unknown: the server has not answered yet. The run asks again and waits for an answer; disk free ${free}`,
    ];
  }
  const { needed = 0 } = disk;
  const isShort = disk.free !== undefined && disk.free < needed ? ': NOT ENOUGH' : '';
  const width = Math.max(0, ...files.map(({ key }) => key.length));
  const time = timeText((hours.fetch ?? 0) * 3_600);
  return [
    ...files.map(({ key, size, state }) => `  ${key.padEnd(width)}  ${bytesText(size).padStart(8)}  ${state}`),
    `To download ${bytesText(bytes.toFetch)} (${bytesText(bytes.there)} on disk); disk needed ${bytesText(needed)}, free ${free}${isShort}`,
    ...(bytes.toFetch === 0 ? [] : [`Download takes ${time} at ${bytesText(ASSUMED_RATE)}/s, without unpacking`]),
  ];
}

function taskLines(plan: TaskPlan): string[] {
  const { task, rois, cached, outstanding, tiles, hours, secondsPerTile, basis, expected } = plan;
  const title = TASK_TITLES[task];
  const pace = `${secondsPerTile.toPrecision(2)} s per tile and fold, ${basis}`;
  if (expected !== undefined) {
    const time = timeText(expected.hours * 3_600);
    return [
      `${title}: ${expected.rois} ROIs in the record`,
      `  about ${expected.tiles} tiles to predict, counted once per fold: ${time} (${pace})`,
    ];
  }
  if (rois === undefined) return [`${title}: the number of ROIs is known once their list is downloaded (${pace})`];
  const time = hours === undefined ? 'time known once all images are downloaded' : timeText(hours * 3_600);
  const reasons = new Map<string, number>();
  for (const { reason } of rois) if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return [
    `${title}: ${counted(rois.length, 'ROI')}, ${cached} in the cache, ${outstanding} to compute`,
    ...[...reasons].map(([reason, count]) => `  ${count}: ${reason}`),
    ...(outstanding === 0 ? [] : [`  ${tiles} tiles to predict, counted once per fold: ${time} (${pace})`]),
  ];
}

/** Prints the plan of a run before it starts. A failure to plan does not stop the run. */
export async function printPlan(
  run: ResolvedRun,
  home: HomeFolders,
  options: { readonly fresh: boolean; readonly signal: AbortSignal },
  onStep: (line: string) => void,
): Promise<void> {
  try {
    const look = await lookAtRecord(run.input, home, options.signal);
    const plan = await planRun(run, home, { ...options, look });
    for (const line of [...planLines(plan), ...lookLines(look)]) onStep(line);
  } catch (error) {
    options.signal.throwIfAborted();
    onStep(`No plan could be made: ${error instanceof Error ? error.message : String(error)}`);
  }
}
