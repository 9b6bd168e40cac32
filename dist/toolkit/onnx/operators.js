/** 2D convolution over NCHW. */
export function conv(graph, name, x, weights, shape) {
    return convolution(graph, name, 'Conv', x, weights, shape);
}
/** 2D transposed convolution over NCHW, no output padding. */
export function convTranspose(graph, name, x, weights, shape) {
    return convolution(graph, name, 'ConvTranspose', x, weights, shape);
}
function convolution(graph, name, operator, x, { weight, bias }, { kernel, stride = [1, 1], padding = [0, 0], dilation, groups }) {
    return graph.node(name, operator, bias === undefined ? [x, weight] : [x, weight, bias], {
        kernel_shape: { ints: kernel },
        strides: { ints: stride },
        pads: { ints: [...padding, ...padding] },
        ...(dilation && { dilations: { ints: dilation } }),
        ...(groups !== undefined && { group: { int: groups } }),
    });
}
/** x where x >= 0, slope · x elsewhere. */
export function leakyRelu(graph, name, x, slope) {
    return graph.node(name, 'LeakyRelu', [x], { alpha: { float: slope } });
}
/** Joins values along one axis, in the order given. */
export function concat(graph, name, values, axis) {
    return graph.node(name, 'Concat', values, { axis: { int: axis } });
}
/** Reorders axes: axis k of the result is axis `order[k]` of `x`. */
export function transpose(graph, name, x, order) {
    return graph.node(name, 'Transpose', [x], { perm: { ints: order } });
}
/** Softmax over one axis (the meaning of opset 13 on: no flattening). */
export function softmax(graph, name, x, axis) {
    return graph.node(name, 'Softmax', [x], { axis: { int: axis } });
}
/** max(x, 0). */
export function relu(graph, name, x) {
    return graph.node(name, 'Relu', [x]);
}
/** 1 / (1 + exp(-x)). */
export function sigmoid(graph, name, x) {
    return graph.node(name, 'Sigmoid', [x]);
}
/** x · sigmoid(x), also called swish. */
export function silu(graph, name, x) {
    return multiply(graph, name, x, sigmoid(graph, `${name}.sigmoid`, x));
}
/** x · min(max(x + 3, 0), 6) / 6; an operator of its own only from opset 14 on. */
export function hardSwish(graph, name, x) {
    const gate = graph.node(`${name}.gate`, 'HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
    return multiply(graph, name, x, gate);
}
/** Sum of two values, broadcast as NumPy does. */
export function add(graph, name, x, y) {
    return graph.node(name, 'Add', [x, y]);
}
/** Product of two values, broadcast as NumPy does. */
export function multiply(graph, name, x, y) {
    return graph.node(name, 'Mul', [x, y]);
}
/** Matrix product over the last two axes. */
export function matMul(graph, name, x, y) {
    return graph.node(name, 'MatMul', [x, y]);
}
/** Spreads channels over squares of `side` px: channel (row · side + column) · c + k of NCHW becomes channel k there. */
export function depthToSpace(graph, name, x, side) {
    return graph.node(name, 'DepthToSpace', [x], { blocksize: { int: side }, mode: { string: 'DCR' } });
}
/** Maxima over neighbourhoods in NCHW; what lies outside never wins. */
export function maxPool(graph, name, x, { kernel, stride = [1, 1], padding = [0, 0], dilation = [1, 1] }) {
    return graph.node(name, 'MaxPool', [x], {
        kernel_shape: { ints: kernel },
        strides: { ints: stride },
        pads: { ints: [...padding, ...padding] },
        dilations: { ints: dilation },
    });
}
/** Repeats every pixel of NCHW `factors` times along height and width. */
export function resizeNearest(graph, name, x, [height, width]) {
    const scales = floats(graph, `${name}.scales`, [4], () => Float32Array.of(1, 1, height, width));
    const noRegion = { name: '' };
    return graph.node(name, 'Resize', [x, noRegion, scales], {
        mode: { string: 'nearest' },
        coordinate_transformation_mode: { string: 'asymmetric' },
        nearest_mode: { string: 'floor' },
    });
}
/** The same elements in another shape. */
export function reshape(graph, name, x, shape) {
    return graph.node(name, 'Reshape', [x, integers(graph, `${name}.shape`, shape)]);
}
/** Elements `from` to `to` (exclusive) along one axis. */
export function slice(graph, name, x, axis, from, to) {
    return graph.node(name, 'Slice', [
        x,
        integers(graph, `${name}.from`, [from]),
        integers(graph, `${name}.to`, [to]),
        integers(graph, `${name}.axis`, [axis]),
    ]);
}
/** A constant of float32 elements in C order. */
export function floats(graph, name, shape, read) {
    return graph.tensor({ name, elementType: 'float32', shape, read: async () => read() });
}
function integers(graph, name, values) {
    return graph.tensor({
        name,
        elementType: 'int64',
        shape: [values.length],
        read: async () => BigInt64Array.from(values.map(BigInt)),
    });
}
