import { ReigniteError } from '../errors.ts';
import { InferenceThread } from '../onnx/inference-thread.ts';
import { startThread } from '../onnx/start-thread.ts';
import type { FoldNetworks } from './fold-networks.ts';
import { type ModelCard, readModelCard } from './model-card.ts';
import type { NetworksAnswer, NetworksRequest } from './networks-messages.ts';
import type { Engine, ModelJob } from './roi-job.ts';
import type { Size } from './tile-grid.ts';

/**
 * A converted ensemble in a thread of its own: while it predicts one tile, its caller can work on the one before.
 * The arrays that `run` is given must lie in shared memory.
 */
export class ThreadedNetworks implements FoldNetworks {
  readonly digest: string;
  readonly engine: Engine;
  readonly patch: Size;
  readonly classes: number;
  readonly folds: number;
  readonly #job: ModelJob;
  readonly #thread: InferenceThread<NetworksRequest, NetworksAnswer, never>;

  private constructor(
    job: ModelJob,
    card: ModelCard,
    engine: Engine,
    thread: InferenceThread<NetworksRequest, NetworksAnswer, never>,
  ) {
    this.digest = card.digest;
    this.patch = { height: card.patch[0], width: card.patch[1] };
    this.classes = card.classes;
    this.folds = card.folds.length;
    this.engine = engine;
    this.#job = job;
    this.#thread = thread;
  }

  /**
   * Starts the thread and opens the first network in it.
   *
   * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
   */
  static async open(job: ModelJob): Promise<ThreadedNetworks> {
    const card = await readModelCard(job.modelDir);
    const thread = new InferenceThread<NetworksRequest, NetworksAnswer, never>(
      () => startThread(new URL('./networks-thread.ts', import.meta.url)),
      ({ kind }) => (kind === 'run' ? `a network of ${job.modelDir} ran` : `it loaded ${job.modelDir}`),
    );
    try {
      const answer = await thread.ask({ kind: 'open', job });
      if (answer.kind === 'opened') return new ThreadedNetworks(job, card, answer.engine, thread);
      throw new ReigniteError('INTERNAL', `The thread of networks answered ${answer.kind} to open.`);
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  async run(fold: number, input: Float32Array, softmax: Float32Array): Promise<void> {
    await this.#thread.ask({ kind: 'run', job: this.#job, fold, input, softmax });
  }

  async relax(): Promise<void> {
    await this.#thread.ask({ kind: 'relax', job: this.#job });
  }

  /** Closes every session and ends the thread. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
