import type { LiveStage } from '../../runtime/run/run-progress.ts';
import { areDetailsShown, areStepsShown, printStep } from '../output.ts';
import { isLive, LiveDisplay } from './live-display.ts';
import { ProgressLines } from './progress-lines.ts';

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
