import type { TransferProgress } from '../../activities/acquire/transfer.ts';
import type { LiveStage } from '../../runtime/run/run-progress.ts';
import { bytesText, timeText } from '../../toolkit/format.ts';
import type { FileProgress, StageProgress } from '../../workflows/progress.ts';

/** Interval at which running activities are reported when nothing else changes: an ROI may take half an hour. */
const STEPS_MS = 30_000;

/** The progress of a stage or a file, as a log line. */
export interface ProgressLine {
  /** The stage or file. */
  readonly name: string;
  readonly text: string;
  readonly state: string;
  /** Whether a change of the text alone is not reported. */
  readonly isConstant?: boolean;
  /** Current activities. */
  readonly steps?: readonly string[];
}

/**
 * Writes the progress of stages or files as log lines: one when a state changes, one when something has advanced (at
 * most every `everyMs`), and occasionally one about the current activities.
 */
export class ProgressLines {
  readonly #write: (line: string) => void;
  readonly #everyMs: number;
  readonly #shown = new Map<string, { text: string; state: string; at: number }>();

  constructor(write: (line: string) => void, everyMs = 2_000) {
    this.#write = write;
    this.#everyMs = everyMs;
  }

  show(lines: readonly ProgressLine[], now = Date.now()): void {
    for (const line of lines) {
      const news = this.#newsOf(line, now);
      if (news === undefined) continue;
      this.#shown.set(line.name, { text: line.text, state: line.state, at: now });
      this.#write(news);
    }
  }

  #newsOf({ name, text, state, isConstant = false, steps = [] }: ProgressLine, now: number): string | undefined {
    const last = this.#shown.get(name);
    if (last?.state !== state) return text;
    const waited = now - last.at;
    if (last.text !== text) return isConstant || waited < this.#everyMs ? undefined : text;
    return steps.length === 0 || waited < STEPS_MS ? undefined : `${text}; ${steps.join(', ')}`;
  }
}

/** Returns the log lines about the stages of a run. */
export function stageLines(stages: readonly LiveStage[]): readonly ProgressLine[] {
  return stages.map((stage) => ({
    name: stage.stage,
    text: stageLine(stage),
    state: stage.state,
    ...(stage.steps && { steps: stage.steps }),
  }));
}

/** Formats the progress of a stage in one line. */
export function stageLine({ stage, unit, done, of, cached, failed, state }: StageProgress): string {
  const extras = [
    cached > 0 ? `${cached} from the cache` : '',
    failed > 0 ? `${failed} failed` : '',
    state === 'running' ? '' : state,
  ].filter((text) => text !== '');
  const tail = extras.length > 0 ? ` (${extras.join(', ')})` : '';
  return `${stage.padEnd(8)} ${done} of ${of} ${unit}${tail}`;
}

/** A file of an acquisition and its current progress. */
export interface FileState extends FileProgress {
  /** The latest heartbeat of its activity. */
  readonly beat?: TransferProgress;
  /** After a failed attempt: the cause, and the seconds until the next one. */
  readonly waits?: { readonly cause: string; readonly seconds: number };
}

/** Returns the log lines about the files of an acquisition that are being downloaded, unpacked, or done. */
export function fileLines(files: readonly FileState[]): readonly ProgressLine[] {
  const width = Math.max(0, ...files.map(({ key }) => key.length));
  return files
    .filter((file) => file.state !== 'waiting' && !isQueued(file))
    .map((file) => ({
      name: file.key,
      text: `${file.key.padEnd(width)}  ${describe(file)}`,
      state: file.waits === undefined ? file.state : `waits ${file.waits.cause}`,
      // A change of the remaining seconds alone is not reported.
      isConstant: file.waits !== undefined,
    }));
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
