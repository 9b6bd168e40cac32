import { createLogUpdate } from 'log-update';
import picocolors from 'picocolors';
import type { LiveStage } from '../../runtime/run/run-progress.ts';
import { areDetailsShown, areStepsShown, printStep, setLiveArea } from '../output.ts';
import { amountOf, type FirstSeen, liveLines, type Paint, ProgressLines, type TimedStage } from './progress-lines.ts';

/** Shows the progress of a run. */
export interface ProgressDisplay {
  /** @param steps - Current activities that belong to no stage. */
  show(stages: readonly LiveStage[], steps?: readonly string[]): void;
  /** Stops showing progress; the last state remains visible. */
  end(): void;
}

/** Opens a display: bars on a terminal, plain lines elsewhere and with `--verbose`, nothing with `--quiet`. */
export function openProgress(stream: NodeJS.WriteStream = process.stderr): ProgressDisplay {
  if (!areStepsShown()) return { show: () => undefined, end: () => undefined };
  const isVerbose = areDetailsShown();
  if (!isVerbose && isLive(stream)) return new LiveDisplay(stream);
  const lines = new ProgressLines(printStep, isVerbose ? 0 : undefined);
  let printed = '';
  return {
    show(stages, steps = []) {
      lines.show(stages);
      const now = [...stages.flatMap((stage) => stage.steps ?? []), ...steps].join(', ');
      if (isVerbose && now !== '' && now !== printed) printStep(`now: ${now}`);
      printed = now;
    },
    end: () => undefined,
  };
}

/** Narrower terminals get plain lines. */
const NARROWEST = 40;

/**
 * Returns whether a stream is a terminal whose lines can be overwritten. A terminal of height 0, as some programs open,
 * is not.
 */
export function isLive(
  { isTTY, columns = 0, rows }: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number },
  environment: NodeJS.ProcessEnv = process.env,
): boolean {
  return isTTY === true && columns >= NARROWEST && rows !== 0 && environment['TERM'] !== 'dumb' && !environment['CI'];
}

/** Returns colour functions, which do nothing if `NO_COLOR` is set (https://no-color.org). */
export function paintOf(environment: NodeJS.ProcessEnv = process.env): Paint {
  const colours = picocolors.createColors(!environment['NO_COLOR']);
  return { good: colours.green, bad: colours.red, busy: colours.cyan, faint: colours.dim };
}

/**
 * Shows a run on a terminal, redrawn in the same lines: one bar per stage, and the current steps. Permanent lines are
 * printed above.
 */
class LiveDisplay {
  readonly #stream: NodeJS.WriteStream;
  readonly #log: ReturnType<typeof createLogUpdate>;
  readonly #paint = paintOf();
  readonly #first = new Map<string, FirstSeen>();
  readonly #ended = new Map<string, number>();
  #last: { readonly stages: readonly LiveStage[]; readonly steps: readonly string[] } | undefined;
  readonly #onResize = () => this.#draw(Date.now());

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#log = createLogUpdate(stream);
    setLiveArea({ persist: (text) => this.#log.persist(text) });
    stream.on('resize', this.#onResize);
  }

  /** @param steps - Current activities that belong to no stage. */
  show(stages: readonly LiveStage[], steps: readonly string[] = [], now = Date.now()): void {
    this.#last = { stages, steps };
    for (const each of stages) {
      const { stage, state } = each;
      if (!this.#first.has(stage)) this.#first.set(stage, { at: now, done: amountOf(each).made });
      if (state !== 'running' && !this.#ended.has(stage)) this.#ended.set(stage, now);
    }
    this.#draw(now);
  }

  /** Leaves the last state on the screen, without the steps. */
  end(): void {
    if (this.#last !== undefined) this.show(this.#last.stages, []);
    this.#log.done();
    this.#stream.off('resize', this.#onResize);
    setLiveArea(undefined);
  }

  #draw(now: number): void {
    if (this.#last === undefined) return;
    const { stages, steps } = this.#last;
    const timed = stages.map((stage): TimedStage => {
      const first = this.#first.get(stage.stage) ?? { at: now, done: amountOf(stage).made };
      return { ...stage, first, endedAt: this.#ended.get(stage.stage) };
    });
    this.#log(liveLines(timed, steps, now, this.#stream.columns, this.#paint).join('\n'));
  }
}
