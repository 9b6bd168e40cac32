import { relative } from 'node:path';
import { TASK_TITLES } from '../../config/tasks.ts';
import { bytesText, timeText } from '../../toolkit/quantity-text.ts';
import { counted } from '../../toolkit/text.ts';
import type { RunPlan, TaskPlan } from './plan-run.ts';
import { ASSUMED_RATE } from './plan-time.ts';

/** A plan as a person reads it. */
export function planLines(plan: RunPlan): readonly string[] {
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
    return [`What the record holds is not known here yet: the run asks, and waits for an answer; disk free ${free}`];
  }
  const { needed = 0 } = disk;
  const isShort = disk.free !== undefined && disk.free < needed ? ': NOT ENOUGH' : '';
  const width = Math.max(0, ...files.map(({ key }) => key.length));
  const time = timeText((hours.fetch ?? 0) * 3_600);
  return [
    ...files.map(({ key, size, state }) => `  ${key.padEnd(width)}  ${bytesText(size).padStart(8)}  ${state}`),
    `To fetch ${bytesText(bytes.toFetch)} (${bytesText(bytes.there)} there); disk needed ${bytesText(needed)}, free ${free}${isShort}`,
    ...(bytes.toFetch === 0 ? [] : [`Fetching takes ${time} at ${bytesText(ASSUMED_RATE)}/s, unpacking not counted`]),
  ];
}

function taskLines(plan: TaskPlan): string[] {
  const { task, rois, cached, outstanding, tiles, hours, secondsPerTile, basis, expected } = plan;
  const title = TASK_TITLES[task];
  const pace = `${secondsPerTile.toPrecision(2)} s a tile and network, ${basis}`;
  if (expected !== undefined) {
    const time = timeText(expected.hours * 3_600);
    return [
      `${title}: ${expected.rois} ROIs in the record`,
      `  about ${expected.tiles} passes of a tile: ${time} (${pace})`,
    ];
  }
  if (rois === undefined) return [`${title}: the number of ROIs is known once their list is downloaded (${pace})`];
  const time = hours === undefined ? 'time known once all images are here' : timeText(hours * 3_600);
  const reasons = new Map<string, number>();
  for (const { reason } of rois) if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return [
    `${title}: ${counted(rois.length, 'ROI')}, ${cached} in the cache, ${outstanding} to compute`,
    ...[...reasons].map(([reason, count]) => `  ${count}: ${reason}`),
    ...(outstanding === 0 ? [] : [`  ${tiles} passes of a tile: ${time} (${pace})`]),
  ];
}
