import { randomNumbers } from '../random-numbers.ts';

/** What a server does wrong with one request for a file. */
export const REPLIES = [
  /** The connection is lost in the middle. */
  'cut',
  /** No more bytes arrive, but the connection stays open. */
  'stall',
  /** Not even headers arrive. */
  'silent',
  /** The connection is dropped before any headers. */
  'refused',
  /** 429 with Retry-After. */
  'too-many',
  /** 429 with X-RateLimit-Reset. */
  'limit-reset',
  /** 503 with a date in Retry-After. */
  'unavailable',
  /** 500, 502 or 504. */
  'server-error',
  /** A 200 with the whole file, for a range request. */
  'range-ignored',
  /** A 206 with another range than requested. */
  'wrong-range',
  /** A 416 although there are more bytes. */
  'unsatisfiable',
  /** Content-Encoding although `identity` was requested. */
  'encoded',
  /** A web page instead of the file, with its own content type. */
  'web-page',
  /** A web page with the content type of the file. */
  'hidden-web-page',
  /** Another version of the file: ETag, size and bytes. */
  'changed',
  /** Wrong bytes of the right length. */
  'corrupt',
  /** A Content-Length that is too small; only that many bytes are sent. */
  'short-length',
  /** A Content-Length that is too large. */
  'long-length',
] as const;
export type ReplyFault = (typeof REPLIES)[number];

/** What happens to the client during a download. */
export const ACCIDENTS = [
  /** SIGKILL of the worker. */
  'kill',
  /** The activity is cancelled, as by `cancel` or a reset, and started again. */
  'cancel',
  /** The disk fills up. */
  'disk-full',
] as const;
export type Accident = (typeof ACCIDENTS)[number];

/** Content of the folder before the first attempt. */
export const BEGINNINGS = [
  'nothing',
  /** The correct file: nothing may be downloaded. */
  'right',
  /** Another file with its name, which is moved aside. */
  'wrong',
  /** A partial file of unknown origin, with other bytes. */
  'foreign-part',
  /** The disk has too little free space for a while. */
  'no-room',
  /** The folder is not writable for a while. */
  'read-only',
  /** Another process holds the file's lock for a while. */
  'locked',
] as const;
export type Beginning = (typeof BEGINNINGS)[number];

/** A fault of one request, after the share `at` of the bytes of its reply. */
export interface Fault {
  readonly kind: ReplyFault | Accident;
  readonly at: number;
}

/** One file, and all faults during its download, in order. */
export interface FileSchedule {
  readonly key: string;
  readonly size: number;
  readonly begins: Beginning;
  readonly faults: readonly Fault[];
}

export interface Schedule {
  readonly name: string;
  readonly seed: number;
  readonly files: readonly FileSchedule[];
}

/** Faults that are only possible in answers to a range request. */
const NEEDS_RANGE: ReadonlySet<string> = new Set<ReplyFault>(['range-ignored', 'wrong-range', 'unsatisfiable']);
/** Faults after which bytes may be sent again: they were wrong, or the server cannot send a part. */
const REPEATS: ReadonlySet<string> = new Set<ReplyFault | Beginning>([
  'corrupt',
  'changed',
  'range-ignored',
  'foreign-part',
]);
/** Replies that do not fit the bytes on disk, which are discarded after the third such reply in a row. */
const MISFITS: ReadonlySet<string> = new Set<ReplyFault>(['wrong-range', 'unsatisfiable', 'encoded']);

export function needsRange({ kind }: Fault): boolean {
  return NEEDS_RANGE.has(kind);
}

/** Returns whether a schedule is without corruption and without a server that ignores ranges. */
export function isFrugal({ files }: Schedule): boolean {
  return files.every(({ begins, faults }) => !REPEATS.has(begins) && faults.every(({ kind }) => !REPEATS.has(kind)));
}

/** Creates one schedule per fault, in the middle of one file and, for faults of range requests, after a cut. */
export function aloneSchedules(): Schedule[] {
  const all = [...REPLIES, ...ACCIDENTS];
  return [
    ...all.map((kind, index): Schedule => {
      const fault: Fault = { kind, at: 0.5 };
      const faults = needsRange(fault) ? [{ kind: 'cut', at: 0.4 } as const, fault] : [fault];
      return {
        name: `alone: ${kind}`,
        seed: index,
        files: [{ key: 'a.bin', size: 1_000_000, begins: 'nothing', faults }],
      };
    }),
    ...BEGINNINGS.slice(1).map(
      (begins, index): Schedule => ({
        name: `alone: ${begins}`,
        seed: 100 + index,
        files: [{ key: 'a.bin', size: 1_000_000, begins, faults: [] }],
      }),
    ),
  ];
}

/** Creates a schedule of three files with up to five faults each. */
export function randomSchedule(seed: number): Schedule {
  const random = randomNumbers(seed);
  const files = ['a.bin', 'b.bin', 'images.zip'].map((key): FileSchedule => {
    const size = random.oneOf([900_000, 1_500_000, 2_500_000]);
    const begins = random.share() < 0.7 ? 'nothing' : random.oneOf(BEGINNINGS);
    return { key, size, begins, faults: begins === 'right' ? [] : faultsOf(random.below(6), random) };
  });
  return { name: `random ${seed}`, seed, files };
}

function faultsOf(count: number, random: ReturnType<typeof randomNumbers>): Fault[] {
  const faults: Fault[] = [];
  let rangeMismatches = 0;
  let wrong = 0;
  while (faults.length < count) {
    const isAccident = random.share() < 0.2;
    const kind = isAccident ? random.oneOf(ACCIDENTS) : random.oneOf(REPLIES);
    // Wrong bytes twice end the download with an error, which has its own test, as has a server whose replies never
    // fit.
    if ((kind === 'corrupt' || kind === 'changed') && ++wrong > 1) continue;
    if (MISFITS.has(kind) && ++rangeMismatches > 2) continue;
    faults.push({ kind, at: 0.05 + 0.9 * random.share() });
  }
  return faults;
}
