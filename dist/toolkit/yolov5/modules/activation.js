import { hardSwish, leakyRelu, relu, silu } from '../../onnx/operators.js';
import { positiveAttribute } from '../attributes.js';
import { refuseModule, sameShape } from '../layers.js';
/**
 * Applies an activation of the tree: releases from 4.0 on use SiLU, 3.x Hardswish, the CSP blocks up to 5.0
 * LeakyReLU(0.1). `utils.activations` holds the versions for PyTorch releases that lacked them.
 */
export function activation(layers, module, x) {
    const { graph } = layers;
    const { place, className } = module;
    switch (className) {
        case 'torch.nn.modules.linear.Identity':
            return x;
        case 'torch.nn.modules.activation.SiLU':
        case 'utils.activations.SiLU':
            return sameShape(x, silu(graph, place, x.value));
        case 'torch.nn.modules.activation.Hardswish':
        case 'utils.activations.Hardswish':
            return sameShape(x, hardSwish(graph, place, x.value));
        case 'torch.nn.modules.activation.LeakyReLU':
            return sameShape(x, leakyRelu(graph, place, x.value, positiveAttribute(module, 'negative_slope')));
        case 'torch.nn.modules.activation.ReLU':
            return sameShape(x, relu(graph, place, x.value));
        default:
            throw refuseModule(layers, module, 'is no activation that is known here');
    }
}
