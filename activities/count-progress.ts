import { Context } from '@temporalio/activity';
import type { Report } from './infer-roi.ts';

/** Passes on what a step tells of its tiles, and counts those that were inferred; resumed ones are not. */
export function countingTiles(report: Report): Report {
  const counter = Context.current().metricMeter.createCounter(
    'reignite_tiles',
    undefined,
    'Tiles inferred, a fold each',
  );
  const add = countingUp((tiles) => counter.add(tiles));
  return (progress) => {
    const tile: unknown = Reflect.get(progress, 'tile');
    if (typeof tile === 'number') add(tile);
    report(progress);
  };
}

/** Passes on what a transfer has, and counts the bytes that came; those that were there before are not. */
export function countingBytes(phase: string): (bytes: number) => void {
  const { metricMeter } = Context.current();
  const counter = metricMeter.createCounter('reignite_bytes', 'bytes', 'Bytes of the record, fetched and unpacked');
  return countingUp((bytes) => counter.add(bytes, { phase }));
}

/** Turns a running total into what was added since; the first one told is where it began. */
function countingUp(add: (more: number) => void): (total: number) => void {
  let last: number | undefined;
  return (total) => {
    if (last !== undefined && total > last) add(total - last);
    last = total;
  };
}
