import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { bytesText, timeText } from '../toolkit/format.ts';

/** Fields that activities report in their heartbeats; each reports some of them. */
const Progress = z.object({
  phase: z.string().optional(),
  /** Step of a model conversion. */
  step: z.string().optional(),
  roi: z.string().optional(),
  image: z.string().optional(),
  file: z.string().optional(),
  tile: z.number().optional(),
  bytes: z.number().optional(),
  done: z.number().optional(),
  of: z.number().optional(),
  total: z.number().optional(),
  row: z.number().optional(),
  rows: z.number().optional(),
  fold: z.number().optional(),
  bytesPerSecond: z.number().optional(),
  secondsLeft: z.number().optional(),
});
type Progress = z.infer<typeof Progress>;

/** Phases whose names need other words for users. */
const PHASES: Readonly<Record<string, string>> = {
  convert: 'converting',
  detect: 'detecting',
  encode: 'writing',
  hash: 'hashing',
  parity: 'comparing with the unoptimised graph',
  predict: 'predicting',
  report: 'writing the report',
  trace: 'reading the histories',
  write: 'writing',
};

/**
 * Describes an activity's heartbeat for the Pending Activities page of the Temporal UI, such as `patient1_he_roi2:
 * predicting, tile 120 of 400 (30 %), row 3 of 12, fold 2`. Rows and folds count from 1.
 */
export function progressText(reported: object): string {
  const { data: progress = {} } = Progress.safeParse(reported);
  const subject = progress.roi ?? progress.image ?? progress.file;
  const phase = progress.phase ?? progress.step;
  const parts = [
    ...(phase === undefined ? [] : [PHASES[phase] ?? phase]),
    ...countOf(progress),
    ...(progress.row === undefined || progress.rows === undefined
      ? []
      : [`row ${Math.min(progress.row + 1, progress.rows)} of ${progress.rows}`]),
    ...(progress.fold === undefined ? [] : [`fold ${progress.fold + 1}`]),
    ...(progress.bytesPerSecond === undefined ? [] : [`${bytesText(progress.bytesPerSecond)}/s`]),
    ...(progress.secondsLeft === undefined || progress.secondsLeft <= 0
      ? []
      : [`${timeText(progress.secondsLeft)} left`]),
  ];
  const what = parts.length === 0 ? 'at work' : parts.join(', ');
  return subject === undefined ? what : `${subject}: ${what}`;
}

function countOf({ tile, bytes, done, of, total }: Progress): string[] {
  const ofAll = of ?? total;
  if (ofAll === undefined) return done === undefined || done === 0 ? [] : [`${done} done`];
  if (bytes !== undefined) return [`${bytesText(bytes)} of ${bytesText(ofAll)}${shareOf(bytes, ofAll)}`];
  if (tile !== undefined) return [`tile ${tile} of ${ofAll}${shareOf(tile, ofAll)}`];
  return done === undefined ? [] : [`${done} of ${ofAll}${shareOf(done, ofAll)}`];
}

function shareOf(done: number, of: number): string {
  return of === 0 ? '' : ` (${Math.floor((100 * done) / of)} %)`;
}

/** Throttle, in ms: activities made of many small parts report each one. */
const BEAT_MS = 50;

/**
 * Sends heartbeats while an activity reports nothing: during decoding, hashing, writing. They repeat the last progress,
 * so that the Temporal UI always shows it: `now` as text, the other fields for programs.
 *
 * @param first - Shown until `report` is called.
 * @param work - Calls `report`, which sends progress immediately or with the next heartbeat (the SDK throttles as
 *   well).
 */
export async function withHeartbeat<Result>(
  first: object,
  work: (report: (progress: object) => void) => Promise<Result>,
): Promise<Result> {
  const context = Context.current();
  let latest = first;
  let last = 0;
  const beat = () => {
    last = performance.now();
    context.heartbeat({ now: progressText(latest), ...latest });
  };
  beat();
  const timer = setInterval(beat, Math.max(250, (context.info.heartbeatTimeoutMs ?? 40_000) / 4));
  timer.unref();
  try {
    return await work((progress) => {
      latest = progress;
      if (performance.now() - last >= BEAT_MS) beat();
    });
  } finally {
    clearInterval(timer);
  }
}

type Report = (progress: object) => void;

/**
 * Forwards progress reports and counts the tiles that were inferred, without the resumed ones. A tile is reported
 * before it is inferred; the next report, of any kind, means that it is done.
 */
export function countingTiles(report: Report): Report {
  const counter = Context.current().metricMeter.createCounter(
    'reignite_tiles',
    undefined,
    'Tiles inferred, counted per fold',
  );
  const add = countingUp((tiles) => counter.add(tiles));
  let last: number | undefined;
  return (progress) => {
    const reported: unknown = Reflect.get(progress, 'tile');
    const tile = typeof reported === 'number' ? reported : undefined;
    if (tile !== undefined) add(tile);
    else if (last !== undefined) add(last + 1);
    last = tile;
    report(progress);
  };
}

/** Counts received bytes from running totals, without those that were present before. */
export function countingBytes(phase: string): (bytes: number) => void {
  const { metricMeter } = Context.current();
  const counter = metricMeter.createCounter('reignite_bytes', 'bytes', 'Bytes of the record, downloaded and unpacked');
  return countingUp((bytes) => counter.add(bytes, { phase }));
}

/** Converts a running total to increments; the first total is the start. */
function countingUp(add: (more: number) => void): (total: number) => void {
  let last: number | undefined;
  return (total) => {
    if (last !== undefined && total > last) add(total - last);
    last = total;
  };
}
