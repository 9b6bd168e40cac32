import { foldedBias, foldedWeight } from '../../onnx/fold-batch-norm.js';
import { integerAttribute, pairAttribute, positiveAttribute, requireAttribute } from '../attributes.js';
import { checkedFeature, childOf, onlyInput, refuseModule } from '../layers.js';
import { activation } from './activation.js';
import { convolved } from './summands.js';
const CONV2D = 'torch.nn.modules.conv.Conv2d';
const BATCH_NORM = 'torch.nn.modules.batchnorm.BatchNorm2d';
/** `models.common.Conv`: convolution, batch normalisation (absent in fused networks), activation. */
export function convModule(layers, module, inputs) {
    return convBlock(layers, module, onlyInput(layers, module, inputs));
}
/** @param rearrange - Turns the convolution into one over the input as it is. */
export function convBlock(layers, module, x, rearrange) {
    const convolution = childOf(layers, module, 'conv');
    const bn = module.children.get('bn');
    const normalisation = bn === undefined ? undefined : { ...batchNorm(layers, bn), from: 0 };
    const convolved = conv2d(layers, convolution, x, {
        ...(normalisation && { normalisation }),
        ...(rearrange && { rearrange }),
    });
    if (normalisation !== undefined && normalisation.channels !== convolved.channels) {
        throw refuseModule(layers, module, `normalises ${normalisation.channels} of ${convolved.channels} channels`);
    }
    return activation(layers, childOf(layers, module, 'act'), convolved);
}
/** A `BatchNorm2d` with weights and running statistics. */
export function batchNorm(layers, module) {
    if (module.className !== BATCH_NORM)
        throw refuseModule(layers, module, 'is not a known batch normalisation');
    const { ledger } = layers;
    const gamma = ledger.use(module, 'weight', [-1]);
    const channels = gamma.shape[0] ?? 0;
    const beta = ledger.use(module, 'bias', [channels]);
    const mean = ledger.use(module, 'running_mean', [channels]);
    const variance = ledger.use(module, 'running_var', [channels]);
    ledger.setAside(module, 'num_batches_tracked');
    const epsilon = positiveAttribute(module, 'eps');
    return {
        channels,
        read: async () => ({
            gamma: await gamma.read(),
            beta: await beta.read(),
            mean: await mean.read(),
            variance: await variance.read(),
            epsilon,
        }),
    };
}
/** `torch.nn.Conv2d` over zeros-padded input, with what follows folded in. */
export function conv2d(layers, module, x, { normalisation, rearrange } = {}) {
    const { ledger } = layers;
    const shape = conv2dShape(layers, module);
    const { outputs, groups, dilation } = shape;
    const rearranged = rearrange?.(shape);
    const { kernel, stride, padding, inputs } = rearranged ?? shape;
    if (x.channels !== inputs)
        throw refuseModule(layers, module, `takes ${inputs} channels and is given ${x.channels}`);
    const { place } = module;
    const weight = ledger.use(module, 'weight', [outputs, shape.inputs / groups, ...shape.kernel]);
    const bias = ledger.has(module, 'bias') ? ledger.use(module, 'bias', [outputs]) : undefined;
    const value = convolved(layers, x, {
        place,
        outputs,
        shape: { kernel, stride, padding, dilation, groups },
        weight: async () => {
            const values = await weight.read();
            const { from = 0 } = normalisation ?? {};
            const folded = normalisation === undefined ? values : foldedWeight(values, outputs, await normalisation.read(), from);
            return rearranged?.weight(folded) ?? folded;
        },
        bias: biasOf(bias, outputs, normalisation),
    });
    return checkedFeature(layers, module, {
        value,
        channels: outputs,
        height: slides(x.height, kernel[0], stride[0], padding[0], dilation[0]),
        width: slides(x.width, kernel[1], stride[1], padding[1], dilation[1]),
    });
}
/** The bias with the normalisation that follows; none where there is neither. */
function biasOf(bias, outputs, normalisation) {
    if (normalisation === undefined)
        return bias?.read;
    return async () => {
        const values = (await bias?.read()) ?? new Float32Array(outputs);
        return foldedBias(values, await normalisation.read(), normalisation.from);
    };
}
function conv2dShape(layers, module) {
    if (module.className !== CONV2D)
        throw refuseModule(layers, module, 'is not a known convolution');
    requireAttribute(module, 'padding_mode', 'zeros');
    requireAttribute(module, 'transposed', false);
    const groups = integerAttribute(module, 'groups', 1);
    const inputs = integerAttribute(module, 'in_channels', 1);
    const outputs = integerAttribute(module, 'out_channels', 1);
    if (inputs % groups !== 0 || outputs % groups !== 0) {
        throw refuseModule(layers, module, `splits ${inputs} and ${outputs} channels into ${groups} groups`);
    }
    return {
        inputs,
        outputs,
        groups,
        kernel: pairAttribute(module, 'kernel_size', 1),
        stride: pairAttribute(module, 'stride', 1),
        padding: pairAttribute(module, 'padding', 0),
        dilation: pairAttribute(module, 'dilation', 1),
    };
}
/** How many positions a kernel has along an axis. */
export function slides(length, kernel, stride, padding, dilation) {
    return Math.floor((length + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}
