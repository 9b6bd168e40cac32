import { ReigniteError } from '../../errors.ts';
import { InferenceThread } from '../../onnx/session/inference-thread.ts';
import { startThread } from '../../start-thread.ts';
import type { ModelMethod } from '../model-card.ts';
import type { Engine, ModelJob } from '../sliding-window/roi-job.ts';
import type { Size } from '../sliding-window/tile-grid.ts';
import type { NetworksAnswer, NetworksRequest } from './networks-thread.ts';
import { describeNetworks, type EnsembleOutline, type FoldNetworks, type NetworkCounts } from './open-networks.ts';

/**
 * A converted ensemble in its own thread. While it predicts one tile, with the next one queued, the caller can process
 * the previous one. The arrays passed to `run` must be in shared memory.
 */
export class ThreadedNetworks implements FoldNetworks {
  readonly digest: string;
  readonly engine: Engine;
  readonly patch: Size;
  readonly classes: number;
  readonly method: ModelMethod;
  readonly folds: number;
  #counts: NetworkCounts | undefined;
  readonly #job: ModelJob;
  readonly #thread: InferenceThread<NetworksRequest, NetworksAnswer, never>;

  private constructor(
    job: ModelJob,
    outline: EnsembleOutline,
    engine: Engine,
    thread: InferenceThread<NetworksRequest, NetworksAnswer, never>,
    counts: NetworkCounts | undefined,
  ) {
    this.digest = outline.digest;
    this.patch = outline.patch;
    this.classes = outline.classes;
    this.method = outline.method;
    this.folds = outline.folds;
    this.engine = engine;
    this.#job = job;
    this.#thread = thread;
    this.#counts = counts;
  }

  /**
   * Starts the thread and opens the first network in it.
   *
   * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
   */
  static async open(job: ModelJob): Promise<ThreadedNetworks> {
    const outline = await describeNetworks(job.modelDir);
    const thread = new InferenceThread<NetworksRequest, NetworksAnswer, never>(
      () => startThread('toolkit/nnunet/networks/networks-thread.ts'),
      ({ kind }) => (kind === 'run' ? `a network of ${job.modelDir} ran` : `it loaded ${job.modelDir}`),
      1,
    );
    try {
      const answer = await thread.ask({ kind: 'open', job });
      if (answer.kind === 'opened') return new ThreadedNetworks(job, outline, answer.engine, thread, answer.counts);
      throw new ReigniteError('INTERNAL', `The thread of networks answered ${answer.kind} to open.`);
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  async run(fold: number, input: Float32Array, output: Float32Array): Promise<void> {
    this.#counts = (await this.#thread.ask({ kind: 'run', job: this.#job, fold, input, output })).counts;
  }

  get counts(): NetworkCounts | undefined {
    return this.#counts;
  }

  async releaseLargeNetworks(): Promise<void> {
    await this.#thread.ask({ kind: 'releaseLargeNetworks', job: this.#job });
  }

  /** Closes every session and ends the thread. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
