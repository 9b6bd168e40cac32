import { open, readdir, stat } from 'node:fs/promises';
import { ReigniteError } from '../../toolkit/errors.js';
import { describeModel } from '../../toolkit/onnx/describe-model.js';
import { openCheckpoint } from '../../toolkit/pytorch/checkpoint.js';
import { fileKind, KIND_BYTES } from '../../toolkit/pytorch/file-kind.js';
import { listTensors } from '../../toolkit/pytorch/list-tensors.js';
import { elementCount } from '../../toolkit/pytorch/tensor.js';
import { describe } from '../../toolkit/pytorch/value.js';
import { valueTree } from '../../toolkit/pytorch/value-tree.js';
const NOTHING = { globals: [], elements: 0, tensors: [] };
/**
 * Looks into a file that is said to be a model, without executing anything: a checkpoint, also one that could do harm in
 * Python or is broken, an ONNX file, or whatever else it is.
 *
 * @throws ReigniteError FILE_MISSING, USAGE for a folder.
 */
export async function inspectModel(file) {
    const head = await readHead(file);
    const kind = fileKind(head);
    if (kind !== undefined)
        return { file, format: 'other', holds: kind, safe: true, ...NOTHING };
    if (/\.onnx$/i.test(file))
        return inspectOnnx(file);
    const globals = [];
    try {
        return await inspectCheckpoint(file, globals);
    }
    catch (error) {
        if (!(error instanceof ReigniteError))
            throw error;
        const { code, message: cause } = error;
        const holds = globals.length === 0 ? 'no checkpoint that could be read' : 'a checkpoint that breaks off';
        return { file, format: 'other', holds, ...NOTHING, safe: false, globals, fault: { code, cause } };
    }
}
async function readHead(file) {
    const found = await stat(file).catch(() => undefined);
    if (found === undefined)
        throw new ReigniteError('FILE_MISSING', `There is no file ${file}.`);
    if (found.isDirectory()) {
        const folds = (await readdir(file)).filter((name) => /^fold_\d+$/.test(name)).sort();
        const holds = folds.length === 0 ? 'is a folder' : `is a folder with ${folds.join(', ')}`;
        throw new ReigniteError('USAGE', `${file} ${holds}.`, {
            remedy: 'Name a file in it, such as fold_0/model_best.model.',
        });
    }
    const handle = await open(file);
    try {
        const { bytesRead, buffer } = await handle.read(new Uint8Array(KIND_BYTES), 0, KIND_BYTES, 0);
        return buffer.subarray(0, bytesRead);
    }
    finally {
        await handle.close();
    }
}
function inspectOnnx(file) {
    const onnx = describeModel(file);
    const holds = `a graph ${onnx.graph} written by ${onnx.producer || 'somebody'}`;
    return { file, format: 'onnx', holds, safe: true, ...NOTHING, elements: onnx.parameters, onnx };
}
async function inspectCheckpoint(file, globals) {
    const checkpoint = await openCheckpoint(file, { inspect: true, onGlobal: (seen) => globals.push(seen) });
    try {
        const { format, root } = checkpoint;
        const tensors = listTensors(root);
        return {
            file,
            format,
            holds: describe(root),
            safe: globals.every(({ verdict }) => verdict !== 'dangerous'),
            globals,
            elements: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
            tensors,
            tree: valueTree(root),
        };
    }
    finally {
        await checkpoint.close();
    }
}
