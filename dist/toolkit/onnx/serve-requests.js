import { parentPort } from 'node:worker_threads';
import { ReigniteError } from '../errors.js';
class Cancelled extends Error {
}
/**
 * Makes the thread it is called in answer the requests of an `InferenceThread`.
 *
 * @param release - Gives back what answering left open, before the thread ends.
 */
export function serveRequests(answer, release) {
    const send = (message) => parentPort?.postMessage(message);
    const serve = async (message) => {
        if (message.kind === 'close') {
            await release();
            parentPort?.close();
            return;
        }
        const { id, request, flag } = message;
        const signal = signalOf(flag);
        const onProgress = (progress) => send({ id, kind: 'progress', progress });
        try {
            signal.throwIfAborted();
            send({ id, kind: 'answer', answer: await answer(request, { signal, onProgress }) });
        }
        catch (error) {
            send({ id, ...failureOf(error) });
        }
    };
    let turn = Promise.resolve();
    parentPort?.on('message', (message) => {
        turn = turn.then(() => serve(message));
    });
}
function signalOf(flag) {
    return {
        throwIfAborted() {
            if (Atomics.load(flag, 0) !== 0)
                throw new Cancelled();
        },
    };
}
function failureOf(error) {
    if (error instanceof Cancelled)
        return { kind: 'cancelled' };
    if (error instanceof ReigniteError) {
        return { kind: 'failed', code: error.code, message: error.message, remedy: error.remedy };
    }
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: 'failed', code: 'INFERENCE_FAILED', message: `The inference failed: ${reason}` };
}
