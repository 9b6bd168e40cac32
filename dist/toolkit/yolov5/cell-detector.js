import { ReigniteError } from '../errors.js';
import { startThread } from '../files/start-thread.js';
import { InferenceThread } from '../onnx/inference-thread.js';
/**
 * Creates a detector with a thread of its own, which starts with the first job and, should it die, again with the
 * next. One detector a process is enough: its runs use every core they are given.
 *
 * @param defaults - For jobs that do not name provider or threads themselves.
 */
export function createCellDetector(defaults = {}) {
    const start = () => startThread('toolkit/yolov5/cell-detector-thread.ts');
    const thread = new InferenceThread(start, ({ job }) => 'image' in job ? `it detected cells in ${job.image}` : `it loaded ${job.modelDir}`);
    return {
        async detect(job, options) {
            const answer = await thread.ask({ kind: 'detect', job: { ...defaults, ...job } }, options);
            if (answer.kind === 'detected')
                return answer.result;
            throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to detect.`);
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
