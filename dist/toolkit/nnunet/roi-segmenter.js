import { ReigniteError } from '../errors.js';
import { startThread } from '../files/start-thread.js';
import { InferenceThread } from '../onnx/inference-thread.js';
/**
 * Creates a segmenter with a thread of its own, which starts with the first job and, should it die, again with the
 * next. One segmenter a process is enough: its runs use every core they are given.
 *
 * @param defaults - For jobs that do not name provider or threads themselves.
 * @param start - How the thread is started; for tests.
 */
export function createRoiSegmenter(defaults = {}, start = startSegmenterThread) {
    const thread = new InferenceThread(start, ({ job }) => 'image' in job ? `it segmented ${job.image}` : `it loaded ${job.modelDir}`);
    return {
        async segment(job, options) {
            const answer = await thread.ask({ kind: 'segment', job: { ...defaults, ...job } }, options);
            if (answer.kind === 'segmented')
                return answer.result;
            throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to segment.`);
        },
        async probe(job, options) {
            const answer = await thread.ask({ kind: 'probe', job: { ...defaults, ...job } }, options);
            if (answer.kind === 'probed')
                return answer.engine;
            throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to probe.`);
        },
        close: () => thread.close(),
    };
}
/** Starts the thread of a segmenter, idle. */
export function startSegmenterThread() {
    return startThread('toolkit/nnunet/roi-segmenter-thread.ts');
}
