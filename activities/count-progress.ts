import { Context } from '@temporalio/activity';

type Report = (progress: object) => void;

/**
 * Passes on what a step tells of its tiles, and counts those that were inferred; resumed ones are not. A tile is told of
 * before it is inferred: what a step tells of next, a tile or no tile, says that it is done.
 */
export function countingTiles(report: Report): Report {
  const counter = Context.current().metricMeter.createCounter(
    'reignite_tiles',
    undefined,
    'Tiles inferred, a fold each',
  );
  const add = countingUp((tiles) => counter.add(tiles));
  let last: number | undefined;
  return (progress) => {
    const told: unknown = Reflect.get(progress, 'tile');
    const tile = typeof told === 'number' ? told : undefined;
    if (tile !== undefined) add(tile);
    else if (last !== undefined) add(last + 1);
    last = tile;
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
