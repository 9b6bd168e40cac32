import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../errors.js';
import { instructionSet } from '../onnx/instruction-set.js';
import { readOwnCard } from '../onnx/own-model.js';
import { openSession } from '../onnx/session.js';
import { placeBoxes, TileInput } from '../onnx/tile-tensors.js';
import { OrtDetector } from './ort-detector.js';
/**
 * Opens what a folder of the home holds: a converted YOLOv5, or an ONNX model of the user's.
 *
 * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
 */
export async function openDetector(folder, options) {
    const own = await readOwnCard(folder);
    return own === undefined ? OrtDetector.load(folder, options) : OwnDetector.load(folder, own, options);
}
/** An ONNX model of the user's with boxes as YOLOv5 or YOLOv8 give them. */
export class OwnDetector {
    digest;
    size;
    rows;
    classes;
    engine;
    #card;
    #sidecar;
    #input;
    #session;
    constructor(card, sidecar, session, engine) {
        this.digest = card.digest;
        this.size = card.size[0];
        this.rows = card.count;
        this.classes = sidecar.labels;
        this.engine = engine;
        this.#card = card;
        this.#sidecar = sidecar;
        this.#input = new TileInput(sidecar.input, card.size);
        this.#session = session;
    }
    static async load(folder, card, options) {
        const { sidecar } = card;
        if (sidecar.kind !== 'detection') {
            throw new ReigniteError('SIDECAR_INVALID', `The model in ${folder} is a segmentation; cells need a detector.`);
        }
        const { session, ...opened } = await openSession(join(folder, card.file), options);
        return new OwnDetector(card, sidecar, session, { ...opened, instructionSet: instructionSet() });
    }
    async run(input, head) {
        const image = new Tensor('float32', this.#input.fill(input), [...this.#input.shape]);
        try {
            const { [this.#card.output]: output } = await this.#session.run({ [this.#card.input]: image }, [
                this.#card.output,
            ]);
            const data = output?.data;
            const columns = this.classes.length + (this.#sidecar.output.format === 'yolov5' ? 5 : 4);
            if (!(data instanceof Float32Array) || data.length !== this.rows * columns) {
                throw new RangeError(`Expected ${this.rows} x ${columns} numbers, got [${output?.dims}]`);
            }
            if (this.#sidecar.output.format === 'yolov5')
                head.set(data);
            else
                placeBoxes(data, this.rows, this.classes.length, head);
        }
        catch (cause) {
            throw new ReigniteError('INFERENCE_FAILED', `The network ${this.digest} failed on a tile: ${String(cause)}`, {
                cause,
            });
        }
    }
    async release() {
        await this.#session.release();
    }
}
