import type { LiveStage } from '../../runtime/run/run-progress.ts';
import type { StageProgress } from '../../workflows/progress.ts';

/** Interval at which running activities are reported when nothing else changes: an ROI may take half an hour. */
const STEPS_MS = 30_000;

/**
 * Turns the state of a run into log lines: at the start and end of a stage, when it has advanced (at most every
 * `everyMs`), and occasionally about its steps.
 */
export class ProgressLines {
  readonly #write: (line: string) => void;
  readonly #everyMs: number;
  readonly #shown = new Map<string, { text: string; state: string; at: number }>();

  constructor(write: (line: string) => void, everyMs = 2_000) {
    this.#write = write;
    this.#everyMs = everyMs;
  }

  show(stages: readonly LiveStage[], now = Date.now()): void {
    for (const stage of stages) {
      const text = stageLine(stage);
      const last = this.#shown.get(stage.stage);
      if (last?.text === text) {
        const { steps = [] } = stage;
        if (steps.length === 0 || now - last.at < STEPS_MS) continue;
        this.#shown.set(stage.stage, { ...last, at: now });
        this.#write(`${text}; ${steps.join(', ')}`);
        continue;
      }
      if (last !== undefined && last.state === stage.state && now - last.at < this.#everyMs) continue;
      this.#shown.set(stage.stage, { text, state: stage.state, at: now });
      this.#write(text);
    }
  }
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
