import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { ReigniteError } from '../errors.js';
import { laidOutModel } from './laid-out-model.js';
import { ortVersion } from './ort-version.js';
import { readModel } from './read-model.js';
import { withWinograd } from './winograd.js';
import { encodeModel } from './write-model.js';
/** Where a network runs. `cpu` is there always; the others need files and hardware of their own. */
export const PROVIDERS = ['cpu', 'cuda', 'webgpu'];
/**
 * Opens an ONNX file.
 *
 * `session.run` and this function block the thread that calls them: call them in a thread of their own. With CUDA,
 * matrix products run in TF32 unless NVIDIA_TF32_OVERRIDE=0 stood in the environment before the process started:
 * that is the duty of whoever starts the process.
 *
 * @throws ReigniteError MODEL_UNREADABLE when the file is missing or no model;
 *   PROVIDER_UNAVAILABLE when the provider asked for by name does not start.
 */
export async function openSession(path, options = {}) {
    if (!existsSync(path))
        throw new ReigniteError('MODEL_UNREADABLE', `There is no model ${path}.`);
    const { provider = 'auto', threads } = options;
    if (provider === 'cpu')
        return opened(await openOnCpu(path, options), 'cpu', []);
    if (provider !== 'auto')
        return opened(await openOn(path, provider, threads), provider, []);
    try {
        return opened(await openOn(path, 'cuda', threads), 'cuda', []);
    }
    catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return opened(await openOnCpu(path, options), 'cpu', [reason]);
    }
}
function opened(session, provider, fallbacks) {
    return { session, provider, fallbacks, ortVersion: ortVersion() };
}
async function openOnCpu(path, { threads, laidOut = false }) {
    try {
        if (!laidOut)
            return await create(path, 'cpu', threads);
        return (await openLaidOut(path, threads)) ?? (await create(await rewritten(path), 'cpu', threads));
    }
    catch (error) {
        throw new ReigniteError('MODEL_UNREADABLE', `The model ${path} does not load: ${firstLine(error)}.`, {
            cause: error,
        });
    }
}
/** A copy that does not open is made anew by the next opening, and this one does without. */
async function openLaidOut(path, threads) {
    const copy = await laidOutModel(path);
    if (copy === undefined)
        return undefined;
    return create(copy, 'cpu', threads).catch(async () => {
        await rm(dirname(copy), { recursive: true, force: true });
        return undefined;
    });
}
/** What the copy would be made of, in memory: more of it, and the same bits. */
function rewritten(path) {
    return encodeModel(withWinograd(readModel(path)));
}
async function openOn(path, provider, threads) {
    if (provider === 'cuda' && !isCudaInstalled()) {
        throw new ReigniteError('PROVIDER_UNAVAILABLE', 'The provider cuda is not available: its files are not installed.');
    }
    try {
        return await create(path, provider, threads);
    }
    catch (error) {
        throw new ReigniteError('PROVIDER_UNAVAILABLE', `The provider ${provider} is not available: ${firstLine(error)}.`, {
            cause: error,
        });
    }
}
function create(model, provider, threads) {
    const options = sessionOptions(provider, threads);
    return typeof model === 'string'
        ? ort.InferenceSession.create(model, options)
        : ort.InferenceSession.create(model, options);
}
function sessionOptions(provider, threads) {
    return {
        executionProviders: [provider],
        ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
        interOpNumThreads: 1,
        // The channel-blocked layout comes with the last level only: a quarter of the time.
        graphOptimizationLevel: 'all',
        // The pattern is laid out beside the first run's memory: 200 MB for the paper's network, and no time gained.
        enableMemPattern: false,
        // Threads that wait for work asleep leave the cores to whoever shares them: 9 to 20 % less time on a busy machine.
        extra: { session: { intra_op: { allow_spinning: '0' } } },
        logSeverityLevel: 4,
    };
}
/** Asked of the disk, because the library itself writes to stderr when the files are missing. */
function isCudaInstalled() {
    const library = { linux: 'libonnxruntime_providers_cuda.so', win32: 'onnxruntime_providers_cuda.dll' };
    const name = process.platform === 'linux' || process.platform === 'win32' ? library[process.platform] : undefined;
    if (name === undefined)
        return false;
    const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
    return existsSync(join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch, name));
}
function firstLine(error) {
    const text = error instanceof Error ? error.message : String(error);
    return (text.split('\n')[0] ?? '').trim().replace(/\.$/, '');
}
