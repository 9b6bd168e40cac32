import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../errors.js';
import { instructionSet } from '../onnx/instruction-set.js';
import { openSession } from '../onnx/session.js';
import { readDetectorCard } from './detector-card.js';
import { BOX_COLUMNS } from './modules/detect.js';
/** A converted detector under ONNX Runtime. */
export class OrtDetector {
    digest;
    size;
    rows;
    classes;
    engine;
    #card;
    #session;
    constructor(card, session, engine) {
        this.digest = card.digest;
        this.size = card.size;
        this.rows = card.rows;
        this.classes = card.classes;
        this.engine = engine;
        this.#card = card;
        this.#session = session;
    }
    /**
     * @param folder - Folder of the converted detector.
     * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
     */
    static async load(folder, options) {
        const card = await readDetectorCard(folder);
        const file = join(folder, card.file);
        const { session, ...opened } = await openSession(file, options);
        checkShapes(file, session, card);
        return new OrtDetector(card, session, { ...opened, instructionSet: instructionSet() });
    }
    async run(input, head) {
        const { size, rows } = this;
        const image = new Tensor('float32', input, [1, 3, size, size]);
        const result = new Tensor('float32', head, [1, rows, BOX_COLUMNS + this.classes.length]);
        try {
            await this.#session.run({ [this.#card.input]: image }, { [this.#card.output]: result });
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
function checkShapes(file, session, { size, rows, nc, input, output }) {
    const given = shapeOf(session.inputMetadata, input);
    const gives = shapeOf(session.outputMetadata, output);
    if (isShape(given, [1, 3, size, size]) && isShape(gives, [1, rows, BOX_COLUMNS + nc]))
        return;
    throw new ReigniteError('MODEL_UNREADABLE', `The model ${file} maps ${input} [${given}] to ${output} [${gives}]; its card says ${size} px, ${rows} rows, ${nc} classes.`);
}
function shapeOf(metadata, name) {
    const value = metadata.find((each) => each.name === name);
    return value?.isTensor === true ? value.shape : [];
}
function isShape(shape, expected) {
    return shape.length === expected.length && shape.every((length, axis) => length === expected[axis]);
}
