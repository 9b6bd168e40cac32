/** `Generic_UNet.MAX_FILTERS_2D`: a constant of the class, not of the plans. */
const MAX_FEATURES = 480;
const NO_STRIDE = [1, 1];
/**
 * Lays out the network as `Generic_UNet` does with strided convolutions down and transposed ones up.
 *
 * Two rules of the original that one would not guess: the decoder takes its kernels from the end of the
 * list, so that its deepest stage has the *bottleneck's* kernel; and a stack of zero convolutions still has one.
 *
 * @see `Generic_UNet.__init__`, nnU-Net v1 (nnunet 1.7.1, network_architecture/generic_UNet.py)
 */
export function unetArchitecture(plans) {
    const depth = plans.pools.length;
    const features = featuresPerStage(plans);
    return {
        inputChannels: plans.modalities,
        classes: plans.classes,
        patch: plans.patch,
        features,
        encoder: Array.from({ length: depth + 1 }, (_, d) => encoderStage(plans, features, d)),
        decoder: Array.from({ length: depth }, (_, u) => decoderStage(plans, features, u)),
    };
}
function featuresPerStage({ baseFeatures, pools }) {
    const features = [baseFeatures];
    for (const _ of pools)
        features.push(Math.min(2 * at(features, -1), MAX_FEATURES));
    return features;
}
function encoderStage(plans, features, d) {
    const depth = plans.pools.length;
    const stack = {
        name: `conv_blocks_context.${d}`,
        inputs: d === 0 ? plans.modalities : at(features, d - 1),
        outputs: at(features, d),
        kernel: at(plans.kernels, d),
        stride: d === 0 ? NO_STRIDE : at(plans.pools, d - 1),
    };
    return d < depth ? stackedBlocks(stack, plans.convPerStage) : splitStack(stack, plans.convPerStage);
}
function decoderStage(plans, features, u) {
    const skip = at(features, -(u + 2));
    const stride = at(plans.pools, -(u + 1));
    const stack = {
        name: `conv_blocks_localization.${u}`,
        inputs: 2 * skip,
        outputs: skip,
        kernel: at(plans.kernels, -(u + 1)),
        stride: NO_STRIDE,
    };
    return {
        upsampling: { name: `tu.${u}`, inputs: at(features, -(u + 1)), outputs: skip, stride },
        blocks: splitStack(stack, plans.convPerStage),
        head: { name: `seg_outputs.${u}`, inputs: skip, classes: plans.classes },
    };
}
/** Bottleneck and decoder stages are two stacks in a row, the second of a single convolution. */
function splitStack(stack, convPerStage) {
    const { name, outputs } = stack;
    return [
        ...stackedBlocks({ ...stack, name: `${name}.0` }, convPerStage - 1),
        ...stackedBlocks({ ...stack, name: `${name}.1`, inputs: outputs, stride: NO_STRIDE }, 1),
    ];
}
function stackedBlocks({ name, inputs, outputs, kernel, stride }, count) {
    return Array.from({ length: Math.max(1, count) }, (_, k) => ({
        name: `${name}.blocks.${k}`,
        inputs: k === 0 ? inputs : outputs,
        outputs,
        kernel,
        stride: k === 0 ? stride : NO_STRIDE,
    }));
}
/** An element counted from the front, or with a negative index from the back, as in Python. */
function at(list, index) {
    const value = list.at(index);
    if (value === undefined)
        throw new RangeError(`No element ${index} in a list of ${list.length}`);
    return value;
}
