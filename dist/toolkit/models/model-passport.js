import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { startThread } from '../files/start-thread.js';
import { readModelCard } from '../nnunet/model-card.js';
import { isLarge } from '../nnunet/ort-fold-networks.js';
import { describeModel } from '../onnx/describe-model.js';
import { InferenceThread } from '../onnx/inference-thread.js';
import { ortVersion } from '../onnx/ort-version.js';
import { readOwnCard } from '../onnx/own-model.js';
import { readDetectorCard } from '../yolov5/detector-card.js';
const PASSPORT_FILE = 'passport.json';
const METHOD = 'ONNX Runtime as in runs (all graph optimisations; large convolutions of large tissue networks by Winograd) against the ' +
    'plain graph without any, on the CPU, on one fixed probe of the size of a tile';
const Network = z.object({
    file: z.string(),
    sourceSha256: z.string().describe('Of the checkpoint or ONNX file that it came from'),
    sha256: z.string().describe('Of the ONNX file'),
    operators: z.record(z.string(), z.number()).describe('Nodes of the graph by operator'),
    parameters: z.number().describe('Elements of all weights of the graph'),
    parity: z.object({
        maxDifference: z.number().nullable().describe('Largest absolute difference of two outputs; null when not a number'),
        outputRange: z.tuple([z.number().nullable(), z.number().nullable()]).describe('Smallest and largest output'),
        elements: z.number(),
    }),
});
/** A model card: what a model in the home is, where it came from, and how sure its arithmetic is. */
export const ModelPassport = z.object({
    schema: z.literal(1),
    kind: z.enum(['nnunet-v1-2d', 'yolov5', 'onnx']),
    digest: z.string().describe('Over everything that determines the outputs'),
    ortVersion: z.string(),
    architecture: z.record(z.string(), z.unknown()),
    input: z.object({ name: z.string(), shape: z.array(z.number()) }),
    output: z.object({ name: z.string(), shape: z.array(z.union([z.number(), z.string()])) }),
    parityMethod: z.string(),
    networks: z.array(Network).min(1),
});
/**
 * Describes a model of the home, once for every version of ONNX Runtime, and writes the description to `out` too.
 *
 * @param modelDir - Folder of the model in the home.
 * @throws ReigniteError MODEL_UNREADABLE, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function writeModelPassport(modelDir, out, signal) {
    const subject = await subjectOf(modelDir);
    const path = join(modelDir, PASSPORT_FILE);
    const known = await readPassport(path);
    const isCurrent = known?.digest === subject.digest && known.ortVersion === ortVersion();
    const passport = isCurrent ? known : await describe(modelDir, subject, signal);
    const text = `${JSON.stringify(passport, null, 1)}\n`;
    if (!isCurrent)
        await writeFileAtomic(path, text);
    await writeFileAtomic(out, text);
    return passport;
}
async function readPassport(path) {
    try {
        return ModelPassport.parse(JSON.parse(await readFile(path, 'utf8')));
    }
    catch {
        return undefined;
    }
}
async function subjectOf(modelDir) {
    const own = await readOwnCard(modelDir);
    if (own !== undefined) {
        const { kind, digest, sidecar, size, input, output, file, sourceSha256 } = own;
        const [height, width] = size;
        const shape = sidecar.input.layout === 'NCHW' ? [1, 3, height, width] : [1, height, width, 3];
        const [low, high] = sidecar.input.range;
        const files = [{ file, sha256: sourceSha256, sourceSha256 }];
        return { kind, digest, architecture: { sidecar }, input, shape, range: [low, high], output, laidOut: false, files };
    }
    const detector = await readDetectorCard(modelDir).catch(() => undefined);
    if (detector !== undefined) {
        const { kind, digest, size, input, output, classes, stride, weights } = detector;
        return {
            kind,
            digest,
            architecture: { classes, stride, weights },
            input,
            shape: [1, 3, size, size],
            range: [0, 1],
            output,
            laidOut: false,
            files: [detector],
        };
    }
    const card = await readModelCard(modelDir);
    const { kind, digest, patch, input, output, folds, architecture, trainer, classes } = card;
    const [height, width] = patch;
    const shape = [1, 3, height, width];
    return {
        kind,
        digest,
        architecture: { trainer, classes, ...architecture },
        input,
        shape,
        range: [0, 1],
        output,
        laidOut: isLarge(modelDir, card),
        files: folds,
    };
}
async function describe(modelDir, subject, signal) {
    const { kind, digest, architecture, input, shape, range, output, laidOut, files } = subject;
    // A thread of its own that ends afterwards: a network without optimisation takes time, and memory that is given back.
    const thread = new InferenceThread(() => startThread('toolkit/onnx/parity-thread.ts'), ({ path }) => `it compared ${path}`);
    try {
        const networks = [];
        let described;
        for (const { file, sha256, sourceSha256 } of files) {
            const path = join(modelDir, file);
            described = describeModel(path);
            const { operators, parameters } = described;
            const request = { path, laidOut, input, shape, range, output };
            const parity = await thread.ask(request, signal === undefined ? {} : { signal });
            networks.push({ file, sourceSha256, sha256, operators, parameters, parity: asJsonNumbers(parity) });
        }
        const result = described?.outputs.find(({ name }) => name === output);
        if (result === undefined)
            throw new ReigniteError('MODEL_UNREADABLE', `The model in ${modelDir} has no output ${output}.`);
        return {
            schema: 1,
            kind,
            digest,
            ortVersion: ortVersion(),
            architecture,
            input: { name: input, shape: [...shape] },
            output: { name: output, shape: [...result.shape] },
            parityMethod: METHOD,
            networks,
        };
    }
    finally {
        await thread.close();
    }
}
function asJsonNumbers({ maxDifference, outputRange: [low, high], elements }) {
    const finite = (value) => (Number.isFinite(value) ? value : null);
    return {
        maxDifference: finite(maxDifference),
        outputRange: [finite(low), finite(high)],
        elements,
    };
}
