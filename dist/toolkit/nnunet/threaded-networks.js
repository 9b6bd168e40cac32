import { ReigniteError } from '../errors.js';
import { startThread } from '../files/start-thread.js';
import { InferenceThread } from '../onnx/inference-thread.js';
import { describeNetworks } from './open-networks.js';
/**
 * A converted ensemble in a thread of its own: while it predicts one tile, and the next lies there already, its caller can
 * work on the one before.
 * The arrays that `run` is given must lie in shared memory.
 */
export class ThreadedNetworks {
    digest;
    engine;
    patch;
    classes;
    folds;
    #job;
    #thread;
    constructor(job, outline, engine, thread) {
        this.digest = outline.digest;
        this.patch = outline.patch;
        this.classes = outline.classes;
        this.folds = outline.folds;
        this.engine = engine;
        this.#job = job;
        this.#thread = thread;
    }
    /**
     * Starts the thread and opens the first network in it.
     *
     * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
     */
    static async open(job) {
        const outline = await describeNetworks(job.modelDir);
        const thread = new InferenceThread(() => startThread('toolkit/nnunet/networks-thread.ts'), ({ kind }) => (kind === 'run' ? `a network of ${job.modelDir} ran` : `it loaded ${job.modelDir}`), 1);
        try {
            const answer = await thread.ask({ kind: 'open', job });
            if (answer.kind === 'opened')
                return new ThreadedNetworks(job, outline, answer.engine, thread);
            throw new ReigniteError('INTERNAL', `The thread of networks answered ${answer.kind} to open.`);
        }
        catch (error) {
            await thread.close();
            throw error;
        }
    }
    async run(fold, input, softmax) {
        await this.#thread.ask({ kind: 'run', job: this.#job, fold, input, softmax });
    }
    async relax() {
        await this.#thread.ask({ kind: 'relax', job: this.#job });
    }
    /** Closes every session and ends the thread. */
    close() {
        return this.#thread.close();
    }
}
