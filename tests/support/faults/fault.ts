import { randomNumbers } from '../random-numbers.ts';

/** What a server does wrong with one request for a file. */
export const REPLIES = [
  /** The connection breaks off in the middle. */
  'cut',
  /** Nothing more comes, and the connection stays. */
  'stall',
  /** Not even the head of a reply comes. */
  'silent',
  /** The connection is dropped before there is a head. */
  'refused',
  /** 429 with Retry-After. */
  'too-many',
  /** 429 with X-RateLimit-Reset. */
  'limit-reset',
  /** 503 with a date in Retry-After. */
  'unavailable',
  /** 500, 502 or 504. */
  'server-error',
  /** A 200 with the whole file, to a request for a range. */
  'range-ignored',
  /** A 206 with another range than the one that was asked for. */
  'wrong-range',
  /** A 416 although there are bytes left. */
  'unsatisfiable',
  /** Content-Encoding although `identity` was asked for. */
  'encoded',
  /** A web page instead of the file, labelled as one. */
  'web-page',
  /** A web page that says that it is the file. */
  'hidden-web-page',
  /** Another version of the file: ETag, size and bytes. */
  'changed',
  /** Wrong bytes in the right number. */
  'corrupt',
  /** A Content-Length that is too small, and is kept to. */
  'short-length',
  /** A Content-Length that is too large. */
  'long-length',
] as const;
export type ReplyFault = (typeof REPLIES)[number];

/** What happens to the client while it receives a file. */
export const ACCIDENTS = [
  /** SIGKILL of the worker. */
  'kill',
  /** The step is cancelled, as by `cancel` or a reset, and started again. */
  'cancel',
  /** The disk fills up. */
  'disk-full',
] as const;
export type Accident = (typeof ACCIDENTS)[number];

/** What a folder holds before the first attempt. */
export const BEGINNINGS = [
  'nothing',
  /** The file, as it should be: nothing may be fetched. */
  'right',
  /** Another file of its name: moved aside. */
  'wrong',
  /** A partial file of unknown origin, with other bytes. */
  'foreign-part',
  /** The disk has less room than is needed, for a while. */
  'no-room',
  /** The folder cannot be written, for a while. */
  'read-only',
  /** Another process has the file's lock, for a while. */
  'locked',
] as const;
export type Beginning = (typeof BEGINNINGS)[number];

/** A fault that meets one request, `at` so large a share of what that reply would have brought. */
export interface Fault {
  readonly kind: ReplyFault | Accident;
  readonly at: number;
}

/** One file, and all that goes wrong on its way, in order. */
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

/** What makes sense only as the answer to a request for a range. */
const NEEDS_RANGE: ReadonlySet<string> = new Set<ReplyFault>(['range-ignored', 'wrong-range', 'unsatisfiable']);
/** What makes bytes come again by right: they were wrong, or the server cannot send a part. */
const REPEATS: ReadonlySet<string> = new Set<ReplyFault | Beginning>([
  'corrupt',
  'changed',
  'range-ignored',
  'foreign-part',
]);
/** Replies that do not fit the bytes that are here; after the third in a row these are given up. */
const MISFITS: ReadonlySet<string> = new Set<ReplyFault>(['wrong-range', 'unsatisfiable', 'encoded']);

export function needsRange({ kind }: Fault): boolean {
  return NEEDS_RANGE.has(kind);
}

/** Whether the schedule is one of those "without corruption and without a server that ignores Range". */
export function isFrugal({ files }: Schedule): boolean {
  return files.every(({ begins, faults }) => !REPEATS.has(begins) && faults.every(({ kind }) => !REPEATS.has(kind)));
}

/** Every fault alone, each in the middle of one file and, where it needs a request for a range, after a cut. */
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

/** Three files with up to five faults each. */
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
    // Wrong bytes twice are an error that ends it, and has a test of its own; so has a server that never fits.
    if ((kind === 'corrupt' || kind === 'changed') && ++wrong > 1) continue;
    if (MISFITS.has(kind) && ++rangeMismatches > 2) continue;
    faults.push({ kind, at: 0.05 + 0.9 * random.share() });
  }
  return faults;
}
