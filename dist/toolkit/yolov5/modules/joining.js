import { resizeNearest } from '../../onnx/operators.js';
import { asInteger, asNumber, asTuple, refusal } from '../../pytorch/access.js';
import { isPickleObject } from '../../pytorch/value.js';
import { attribute, requireAttribute } from '../attributes.js';
import { checkedFeature, onlyInput, whenRead } from '../layers.js';
import { joined } from './blocks.js';
/** `models.common.Concat` along the channels. */
export function concatModule(layers, module, inputs) {
    const axis = attribute(module, 'd');
    if (asInteger(axis) !== 1)
        throw refusal(axis, 'the axis 1 of the channels');
    return joined(layers, module, inputs);
}
/** `torch.nn.Upsample` to the nearest neighbour by 2. */
export function upsample(layers, module, inputs) {
    const x = onlyInput(layers, module, inputs);
    requireAttribute(module, 'mode', 'nearest');
    requireAttribute(module, 'size', null);
    const factor = attribute(module, 'scale_factor');
    const factors = isPickleObject(factor.value) ? asTuple(factor) : [factor];
    if (!factors.every((each) => asNumber(each) === 2))
        throw refusal(factor, 'a factor of 2');
    const shape = { channels: x.channels, height: 2 * x.height, width: 2 * x.width, halved: x };
    const feature = whenRead(shape, () => resizeNearest(layers.graph, module.place, x.value, [2, 2]));
    return checkedFeature(layers, module, feature);
}
