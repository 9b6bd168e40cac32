import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { sha256OfFile } from '../files/hash-file.js';
import { writeModel } from '../onnx/write-model.js';
import { openCheckpoint } from '../pytorch/checkpoint.js';
import { CARD_FILE, DetectorCard, readDetectorCard } from './detector-card.js';
import { CONVERTER_SCHEMA, DEFAULT_SIZE, hashSource } from './detector-digest.js';
import { detectorGraph, INPUT_NAME, OUTPUT_NAME } from './detector-graph.js';
import { readDetectorNetwork } from './detector-network.js';
import { removeLeftovers } from './remove-leftovers.js';
import { TensorLedger } from './tensor-ledger.js';
export { readDetectorCard } from './detector-card.js';
export { detectorDigest } from './detector-digest.js';
export { DetectorCard };
const MODEL_FILE = 'detector.onnx';
/**
 * Converts a YOLOv5 detector to ONNX and describes it in a card. Nothing of the checkpoint is executed.
 *
 * Equal sources give equal bytes. The card is written last: killed anywhere and run again, this ends in the same
 * files. A whole and matching conversion that is already there is checked and left as it is.
 *
 * @throws ReigniteError FILE_MISSING, CHECKPOINT_CORRUPT, CHECKPOINT_UNSAFE, CHECKPOINT_UNSUPPORTED, USAGE (size),
 *   NO_SPACE or NOT_WRITABLE; no card is left then.
 */
export async function convertDetector(options) {
    const { checkpoint, out, size = DEFAULT_SIZE, signal } = options;
    const source = await hashSource(checkpoint, size, signal);
    const present = await presentConversion(out, source.digest, signal);
    if (present !== undefined)
        return present;
    await mkdir(out, { recursive: true });
    await removeLeftovers(out);
    await rm(join(out, CARD_FILE), { force: true });
    const card = await convert(source, { checkpoint, out, size, ...(signal && { signal }) });
    await writeFileAtomic(join(out, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
    return card;
}
async function convert(source, { checkpoint: path, out, size, signal }) {
    signal?.throwIfAborted();
    const checkpoint = await openCheckpoint(path);
    try {
        const network = await readDetectorNetwork(checkpoint);
        const ledger = new TensorLedger(network.root, path, checkpoint);
        const { graph, rows, classes } = detectorGraph(network, ledger, size);
        const written = await writeModel(join(out, MODEL_FILE), graph, signal);
        return DetectorCard.parse({
            kind: 'yolov5',
            converterSchema: CONVERTER_SCHEMA,
            ...source,
            weights: network.weights,
            size,
            nc: classes,
            classes: network.names,
            stride: network.strides,
            rows,
            input: INPUT_NAME,
            output: OUTPUT_NAME,
            file: MODEL_FILE,
            ...written,
            parameters: ledger.parameters,
            unused: ledger.unused,
        });
    }
    finally {
        await checkpoint.close();
    }
}
/** The card of a conversion of this very checkpoint whose model is whole. */
async function presentConversion(out, digest, signal) {
    try {
        const card = await readDetectorCard(out);
        const isWhole = card.digest === digest && (await sha256OfFile(join(out, card.file), signal)) === card.sha256;
        return isWhole ? card : undefined;
    }
    catch (error) {
        if (error instanceof ReigniteError)
            return undefined;
        throw error;
    }
}
