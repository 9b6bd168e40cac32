import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineUpdate,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import type { RunIntervention, SkippedRoi } from '../activities/inputs.ts';
import type { Task } from '../config/tasks.ts';

/** The state of a run that users can control. */
export interface ControlState {
  readonly paused: boolean;
  /** Maximum number of ROIs computed at the same time. */
  readonly maxConcurrentRois: number;
  readonly skipped: readonly SkippedRoi[];
  readonly interventions: readonly RunIntervention[];
}

const control = defineQuery<ControlState>('control');
/** Stops the activities in progress like a worker shutdown: finished tile rows and downloaded bytes stay on disk. */
const pause = defineUpdate<void>('pause');
const resume = defineUpdate<void>('resume');
/** Sets the number of ROIs computed at the same time, 1 to 64. */
const setMaxConcurrentRois = defineUpdate<void, [number]>('setMaxConcurrentRois');
/** Excludes an ROI, with a reason; it is listed among the failures. */
const skipRoi = defineUpdate<void, [SkippedRoi]>('skipRoi');

const MAX_CONCURRENT_ROIS = 64;

/**
 * The settings of a run that users may change. Every change interrupts the work and restarts it with the new settings:
 * finished work is in the cache, an unfinished ROI resumes from its last tile row.
 */
export class RunControl {
  #paused = false;
  #maxConcurrentRois: number;
  readonly #skipped: SkippedRoi[] = [];
  readonly #interventions: RunIntervention[] = [];
  readonly #onChange: () => void;
  #scope: CancellationScope | undefined;
  #isInterrupted = false;

  /**
   * @param maxConcurrentRois - The configured number.
   * @param onChange - Called whenever the run is paused or resumed.
   */
  constructor(maxConcurrentRois: number, onChange: () => void) {
    this.#maxConcurrentRois = maxConcurrentRois;
    this.#onChange = onChange;
  }

  /**
   * Registers query and update handlers. Updates that arrived before the first workflow task run synchronously here,
   * so `onChange` must already be usable.
   *
   * @param tasks - The tasks whose ROIs can be skipped; without any there is no update `skipRoi`.
   */
  listen(tasks: readonly Task[] = []): void {
    setHandler(control, () => this.state);
    setHandler(pause, () => this.#change('paused', () => this.#setPaused(true)), {
      validator: () => refuseUnless(!this.#paused, 'The run is already paused.'),
    });
    setHandler(resume, () => this.#change('resumed', () => this.#setPaused(false)), {
      validator: () => refuseUnless(this.#paused, 'The run is not paused.'),
    });
    setHandler(
      setMaxConcurrentRois,
      (wanted) => this.#change(`maxConcurrentRois set to ${wanted}`, () => this.#setMaxConcurrentRois(wanted)),
      {
        validator: (wanted) =>
          refuseUnless(
            Number.isInteger(wanted) && wanted >= 1 && wanted <= MAX_CONCURRENT_ROIS,
            `Expected a whole number from 1 to ${MAX_CONCURRENT_ROIS}, got ${wanted}.`,
          ),
      },
    );
    if (tasks.length === 0) return;
    setHandler(skipRoi, (skip) => this.#change(`${skip.roi} skipped: ${skip.reason}`, () => this.#skip(skip)), {
      validator: (skip) => refuseUselessSkip(skip, tasks),
    });
  }

  get state(): ControlState {
    return {
      paused: this.#paused,
      maxConcurrentRois: this.#maxConcurrentRois,
      skipped: [...this.#skipped],
      interventions: [...this.#interventions],
    };
  }

  /** Runs `work` with the current settings, restarts it after every change, and waits while the run is paused. */
  async runInterruptibly<Result>(work: (state: ControlState) => Promise<Result>): Promise<Result> {
    for (;;) {
      await condition(() => !this.#paused);
      const scope = new CancellationScope();
      this.#scope = scope;
      this.#isInterrupted = false;
      try {
        return await scope.run(() => work(this.state));
      } catch (error) {
        if (!(this.#isInterrupted && isCancellation(error))) throw error;
      } finally {
        this.#scope = undefined;
      }
    }
  }

  #change(what: string, apply: () => void): void {
    apply();
    this.#interventions.push({ at: new Date().toISOString(), what });
    this.#isInterrupted = true;
    this.#scope?.cancel();
    this.#onChange();
  }

  #setPaused(paused: boolean): void {
    this.#paused = paused;
  }

  #setMaxConcurrentRois(maxConcurrentRois: number): void {
    this.#maxConcurrentRois = maxConcurrentRois;
  }

  #skip(skip: SkippedRoi): void {
    this.#skipped.push(skip);
  }
}

function refuseUnless(holds: boolean, message: string): void {
  if (!holds) throw ApplicationFailure.nonRetryable(message, 'USAGE');
}

/** Rejects a skip without a task of the run: it would be accepted without effect. */
function refuseUselessSkip({ task, roi, reason }: Partial<SkippedRoi>, tasks: readonly Task[]): void {
  const isTask = task !== undefined && tasks.includes(task);
  refuseUnless(isTask && !!roi && !!reason, `Expected a task of the run (${tasks.join(', ')}), an ROI and a reason.`);
}
