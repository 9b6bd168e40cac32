import { onlyInput, refuseModule } from '../layers.js';
import { bottleneck, bottleneckCsp, c3, sequential } from './blocks.js';
import { convModule } from './convolution.js';
import { focus } from './focus.js';
import { concatModule, upsample } from './joining.js';
import { spp, sppf } from './pooling.js';
/** What the official networks of releases 3.0 to 7.0 are made of, besides the head. */
const BUILDERS = new Map([
    ['models.common.Conv', convModule],
    ['models.common.DWConv', convModule],
    ['models.common.Focus', focus],
    ['models.common.Bottleneck', bottleneck],
    ['models.common.BottleneckCSP', bottleneckCsp],
    ['models.common.C3', c3],
    ['models.common.SPP', spp],
    ['models.common.SPPF', sppf],
    ['models.common.Concat', concatModule],
    ['torch.nn.modules.upsampling.Upsample', upsample],
    ['torch.nn.modules.container.Sequential', sequential],
    ['torch.nn.modules.linear.Identity', onlyInput],
]);
/**
 * Adds the nodes of a module, and of those within it, to the graph.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED naming class and place of a module that is not known.
 */
export function layerOf(layers, module, inputs) {
    const build = BUILDERS.get(module.className);
    if (build === undefined)
        throw refuseModule(layers, module, 'is of a class that is not known here');
    return build(layers, module, inputs);
}
