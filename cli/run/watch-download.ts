import type { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { type Look, untilClosed } from '../../runtime/run/until-closed.ts';
import { bytesText, timeText } from '../../toolkit/format.ts';
import type { FileProgress } from '../../workflows/progress.ts';
import { failureIn } from '../inspect/run-steps.ts';

/** The heartbeat fields of an acquisition's activities. */
const Beat = z.object({
  file: z.string(),
  phase: z.enum(['fetching', 'unpacking']),
  bytes: z.number(),
  of: z.number(),
  bytesPerSecond: z.number().optional(),
  secondsLeft: z.number().optional(),
});
export type Beat = z.infer<typeof Beat>;

/** A file of an acquisition and its current progress. */
export interface FileState extends FileProgress {
  /** The latest heartbeat of its activity. */
  readonly beat?: Beat;
  /** After a failed attempt: the cause, and the seconds until the next one. */
  readonly waits?: { readonly cause: string; readonly seconds: number };
}

type Pending = temporal.api.workflow.v1.IPendingActivityInfo;

/**
 * Follows an acquisition until it has closed.
 *
 * @param onFiles - Receives the files, and the reason if the request for the record is delayed.
 */
export async function watchDownload(
  client: Client & { readonly connection: Connection },
  id: string,
  onFiles: (files: readonly FileState[], record: FileState['waits'] | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const handle = client.workflow.getHandle(id);
  const look: Look = async ({ raw }, ask) => {
    const files = await ask(() => handle.query<FileProgress[]>('files'));
    const pending = raw.pendingActivities ?? [];
    const record = pending.find(({ activityType }) => activityType?.name === 'fetchRecord');
    const steps = new Map(
      pending.flatMap((step) => {
        const beat = beatOf(step);
        return beat === undefined ? [] : [[beat.file, { beat, waits: waitOf(step) }] as const];
      }),
    );
    const merged = (files ?? []).map((file): FileState => {
      const { beat, waits } = steps.get(file.key) ?? {};
      return { ...file, ...(beat === undefined ? {} : { beat }), ...(waits === undefined ? {} : { waits }) };
    });
    onFiles(merged, record === undefined ? undefined : waitOf(record));
  };
  await untilClosed(client, id, look, signal);
}

function beatOf({ heartbeatDetails }: Pending): Beat | undefined {
  const payload = heartbeatDetails?.payloads?.[0];
  if (payload === undefined) return undefined;
  const parsed = Beat.safeParse(defaultPayloadConverter.fromPayload(payload));
  return parsed.success ? parsed.data : undefined;
}

/** Returns why an activity waits: only if it is scheduled after a failure, not once it has started again. */
function waitOf({ lastFailure, scheduledTime, lastStartedTime, state }: Pending): FileState['waits'] {
  if (!lastFailure?.message || state !== 1) return undefined;
  const next = millis(scheduledTime ?? lastStartedTime);
  const { cause, remedy } = failureIn(lastFailure) ?? { cause: lastFailure.message, remedy: '' };
  return { cause: `${cause} ${remedy}`.trim(), seconds: Math.max(0, Math.ceil((next - Date.now()) / 1_000)) };
}

function millis(time: Pending['scheduledTime']): number {
  return Number(time?.seconds ?? 0) * 1_000 + Number(time?.nanos ?? 0) / 1e6;
}

/**
 * Turns the state of an acquisition into log lines, per file: one when its state changes or it starts to wait, and one
 * when bytes have arrived, at most every `everyMs`.
 */
export class FileLines {
  readonly #write: (line: string) => void;
  readonly #everyMs: number;
  readonly #shown = new Map<string, { text: string; state: string; at: number }>();

  constructor(write: (line: string) => void, everyMs = 2_000) {
    this.#write = write;
    this.#everyMs = everyMs;
  }

  show(files: readonly FileState[], now = Date.now()): void {
    const width = Math.max(0, ...files.map(({ key }) => key.length));
    for (const file of files) {
      if (file.state === 'waiting' || isQueued(file)) continue;
      // A change of the remaining seconds alone is not reported.
      const state = file.waits === undefined ? file.state : `waits ${file.waits.cause}`;
      const text = `${file.key.padEnd(width)}  ${describe(file)}`;
      const last = this.#shown.get(file.key);
      if (last?.state === state && (last.text === text || file.waits !== undefined || now - last.at < this.#everyMs))
        continue;
      this.#shown.set(file.key, { text, state, at: now });
      this.#write(text);
    }
  }
}

/** Returns whether a file is scheduled but not started: only some are downloaded at a time. */
function isQueued({ state, beat, waits }: FileState): boolean {
  return state !== 'done' && beat === undefined && waits === undefined;
}

/** Formats bytes, share, rate and remaining time. */
function describe({ size, state, beat, waits }: FileState): string {
  if (waits !== undefined) {
    const soon = waits.seconds > 0 ? ` Next attempt in ${timeText(waits.seconds)}.` : '';
    return `waits: ${waits.cause}${soon}`;
  }
  if (state === 'done') return `${bytesText(size)}, done`;
  if (beat?.phase !== state) return `${bytesText(size)}, ${state}`;
  const share = beat.of === 0 ? 100 : Math.floor((100 * beat.bytes) / beat.of);
  const parts = [
    `${bytesText(beat.bytes)} of ${bytesText(beat.of)} ${state === 'fetching' ? 'fetched' : 'unpacked'}, ${share} %`,
  ];
  if (beat.bytesPerSecond !== undefined) parts.push(`${bytesText(beat.bytesPerSecond)}/s`);
  if (beat.secondsLeft !== undefined && beat.secondsLeft > 0) parts.push(`${timeText(beat.secondsLeft)} left`);
  return parts.join(', ');
}
