import { relative } from 'node:path';
import { TASK_TITLES } from '../../config/tasks.ts';
import { bytesText, timeText } from '../download/file-lines.ts';
import type { RunPlan, TaskPlan } from './plan-run.ts';
import { ASSUMED_RATE } from './plan-time.ts';

/** A plan as a person reads it. */
export function planLines(plan: RunPlan): readonly string[] {
  const { run, files, bytes, disk, hours } = plan;
  const width = Math.max(0, ...(files ?? []).map(({ key }) => key.length));
  const free = disk.free === undefined ? 'unknown' : bytesText(disk.free);
  const isShort = disk.free !== undefined && disk.free < disk.needed;
  return [
    `Plan of ${run}`,
    `Data     ${relative(process.cwd(), plan.data) || '.'}`,
    `Results  ${relative(process.cwd(), plan.results) || '.'}`,
    ...(files === undefined
      ? ['The record was not asked for its files yet; the run asks, and waits for an answer.']
      : files.map(({ key, size, state }) => `  ${key.padEnd(width)}  ${bytesText(size).padStart(8)}  ${state}`)),
    `To fetch ${bytesText(bytes.toFetch)} (${bytesText(bytes.there)} there); disk needed ${bytesText(disk.needed)}, free ${free}${isShort ? ': NOT ENOUGH' : ''}`,
    ...(bytes.toFetch === 0
      ? []
      : [`Fetching takes ${timeText(hours.fetch * 3_600)} at ${bytesText(ASSUMED_RATE)}/s, unpacking not counted`]),
    ...plan.tasks.flatMap(taskLines),
  ];
}

function taskLines({ task, rois, cached, outstanding, tiles, hours, secondsPerTile, basis }: TaskPlan): string[] {
  const title = TASK_TITLES[task];
  const pace = `${secondsPerTile.toPrecision(2)} s a tile and network, ${basis}`;
  if (rois === undefined) return [`${title}: how many ROIs is known once their list is here (${pace})`];
  const time = hours === undefined ? 'time known once all images are here' : timeText(hours * 3_600);
  const reasons = new Map<string, number>();
  for (const { reason } of rois) if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return [
    `${title}: ${rois.length} ROIs, ${cached} in the cache, ${outstanding} to compute`,
    ...[...reasons].map(([reason, count]) => `  ${count}: ${reason}`),
    ...(outstanding === 0 ? [] : [`  ${tiles} passes of a tile: ${time} (${pace})`]),
  ];
}
