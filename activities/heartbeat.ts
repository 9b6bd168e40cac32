import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { bytesText, timeText } from '../toolkit/format.ts';

/** What activities report in their heartbeats; each reports some of it. */
const Told = z.object({
  phase: z.string().optional(),
  /** Of the conversion of a model. */
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
type Told = z.infer<typeof Told>;

/** Phases whose names are not words for users. */
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
 * What a step's heartbeat says, as a sentence for the Pending Activities page of the Temporal UI, such as
 * `patient1_he_roi2: predicting, tile 120 of 400 (30 %), row 3 of 12, fold 2`. Rows and folds count from 1.
 */
export function progressText(progress: object): string {
  const { data: told = {} } = Told.safeParse(progress);
  const subject = told.roi ?? told.image ?? told.file;
  const phase = told.phase ?? told.step;
  const parts = [
    ...(phase === undefined ? [] : [PHASES[phase] ?? phase]),
    ...countOf(told),
    ...(told.row === undefined || told.rows === undefined
      ? []
      : [`row ${Math.min(told.row + 1, told.rows)} of ${told.rows}`]),
    ...(told.fold === undefined ? [] : [`fold ${told.fold + 1}`]),
    ...(told.bytesPerSecond === undefined ? [] : [`${bytesText(told.bytesPerSecond)}/s`]),
    ...(told.secondsLeft === undefined || told.secondsLeft <= 0 ? [] : [`${timeText(told.secondsLeft)} left`]),
  ];
  const what = parts.length === 0 ? 'at work' : parts.join(', ');
  return subject === undefined ? what : `${subject}: ${what}`;
}

function countOf({ tile, bytes, done, of, total }: Told): string[] {
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
 * Keeps an activity's heart beating through stretches that report nothing: decoding, hashing, writing.
 * The last progress is sent again, so that the Temporal UI always shows where the step is: `now` in words, the rest for
 * programs.
 *
 * @param first - Shown until `report` is called.
 * @param work - Gets `report`, which sends progress at once, or with the next beat (the SDK throttles as well).
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
 * Forwards progress reports and counts the tiles that were inferred, not the resumed ones. A tile is reported
 * before it is inferred: the next report, of a tile or not, says that it is done.
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
  const counter = metricMeter.createCounter('reignite_bytes', 'bytes', 'Bytes of the record, downloaded and unpacked');
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
