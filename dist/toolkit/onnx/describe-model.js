import { ReigniteError } from '../errors.js';
import { MessageFile } from './message-file.js';
/** Field numbers of onnx.proto. */
const MODEL = { irVersion: 1, producer: 2, graph: 7, opset: 8 };
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 };
const NODE = { operator: 4, domain: 7 };
const TENSOR = { dims: 1, externalData: 13 };
const MOST_VALUES = 1_000_000;
/**
 * Reads the structure of an ONNX file; its weights are passed over, and nothing is run.
 *
 * @throws ReigniteError FILE_MISSING; MODEL_UNREADABLE when it is no ONNX model.
 */
export function describeModel(path) {
    const file = new MessageFile(path);
    try {
        return readModel(file);
    }
    finally {
        file.close();
    }
}
function readModel(file) {
    let irVersion = 0;
    let producer = '';
    let graph;
    const opsets = [];
    for (const field of file.fields(0, file.length)) {
        if (field.number === MODEL.irVersion)
            irVersion = field.value;
        else if (field.number === MODEL.producer)
            producer = file.text(field);
        else if (field.number === MODEL.graph && field.isSpan)
            graph = field;
        else if (field.number === MODEL.opset && field.isSpan)
            opsets.push(readOpset(file, field));
    }
    if (graph === undefined || irVersion === 0) {
        throw new ReigniteError('MODEL_UNREADABLE', `${file.path} is no ONNX model: it holds no graph.`, {
            remedy: 'Export the model again, or fetch it again.',
        });
    }
    return { irVersion, opsets, producer, ...readGraph(file, graph) };
}
function readOpset(file, { from, to }) {
    const opset = { domain: '', version: 0 };
    for (const field of file.fields(from, to)) {
        if (field.number === 1 && field.isSpan)
            opset.domain = file.text(field);
        if (field.number === 2)
            opset.version = field.value;
    }
    return opset;
}
function readGraph(file, { from, to }) {
    let graph = '';
    let parameters = 0;
    const inputs = [];
    const outputs = [];
    const operators = new Map();
    const externalFiles = new Set();
    let count = 0;
    for (const field of file.fields(from, to)) {
        if (!field.isSpan)
            continue;
        count++;
        if (count > MOST_VALUES)
            throw new ReigniteError('MODEL_UNREADABLE', `${file.path} has over ${MOST_VALUES} parts.`);
        if (field.number === GRAPH.name)
            graph = file.text(field);
        else if (field.number === GRAPH.node) {
            const operator = operatorOf(file, field);
            operators.set(operator, (operators.get(operator) ?? 0) + 1);
        }
        else if (field.number === GRAPH.initializer)
            parameters += elementsOf(file, field, externalFiles);
        else if (field.number === GRAPH.input)
            inputs.push(readValue(file, field));
        else if (field.number === GRAPH.output)
            outputs.push(readValue(file, field));
    }
    const sorted = [...operators].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
        graph,
        inputs,
        outputs,
        operators: Object.fromEntries(sorted),
        parameters,
        externalFiles: [...externalFiles],
    };
}
function operatorOf(file, { from, to }) {
    let operator = '';
    let domain = '';
    for (const field of file.fields(from, to)) {
        if (field.number === NODE.operator && field.isSpan)
            operator = file.text(field);
        if (field.number === NODE.domain && field.isSpan)
            domain = file.text(field);
    }
    return domain === '' ? operator : `${domain}.${operator}`;
}
function elementsOf(file, { from, to }, externalFiles) {
    let elements = 1;
    for (const field of file.fields(from, to)) {
        if (field.number === TENSOR.dims) {
            for (const dim of field.isSpan ? file.packed(field) : [field.value])
                elements *= dim;
        }
        if (field.number !== TENSOR.externalData || !field.isSpan)
            continue;
        const location = locationOf(file, field);
        if (location !== undefined)
            externalFiles.add(location);
    }
    return elements;
}
function locationOf(file, { from, to }) {
    const entry = { key: '', value: '' };
    for (const field of file.fields(from, to)) {
        if (field.number === 1 && field.isSpan)
            entry.key = file.text(field);
        if (field.number === 2 && field.isSpan)
            entry.value = file.text(field);
    }
    return entry.key === 'location' ? entry.value : undefined;
}
function readValue(file, { from, to }) {
    const value = {
        name: '',
        elementType: 0,
        shape: [],
    };
    for (const field of file.fields(from, to)) {
        if (field.number === 1 && field.isSpan)
            value.name = file.text(field);
        if (field.number === 2 && field.isSpan)
            readType(file, field, value);
    }
    return value;
}
function readType(file, { from, to }, value) {
    for (const tensor of file.fields(from, to)) {
        if (tensor.number !== 1 || !tensor.isSpan)
            continue;
        for (const field of file.fields(tensor.from, tensor.to)) {
            if (field.number === 1 && !field.isSpan)
                value.elementType = field.value;
            if (field.number === 2 && field.isSpan)
                value.shape = readShape(file, field);
        }
    }
}
function readShape(file, { from, to }) {
    const shape = [];
    for (const dimension of file.fields(from, to)) {
        if (dimension.number !== 1 || !dimension.isSpan)
            continue;
        let length = '?';
        for (const field of file.fields(dimension.from, dimension.to)) {
            if (field.number === 1 && !field.isSpan)
                length = field.value;
            if (field.number === 2 && field.isSpan)
                length = file.text(field);
        }
        shape.push(length);
    }
    return shape;
}
