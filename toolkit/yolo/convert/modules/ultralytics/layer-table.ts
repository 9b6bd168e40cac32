import type { LayerBuilder } from '../../layers.ts';
import { bottleneck, bottleneckCsp, c3 } from '../blocks.ts';
import { convModule } from '../convolution.ts';
import { focus } from '../focus.ts';
import { concatModule } from '../layer-of.ts';
import { spp } from '../pooling.ts';
import { transformerBlock } from '../transformer.ts';
import { aBlock, areaAttention, attention, psa, psaBlock } from './attention.ts';
import { cbFuse, cbLinear } from './branches.ts';
import { cib, ghostBottleneck, ghostConv, repConv, repVggDw, scDown, sppf } from './residual-blocks.ts';
import { a2c2f, aConv, aDown, c1, c2, c2f, c2psa, c3f, elan, sppElan } from './split-blocks.ts';

const PACKAGE = /^ultralytics\.nn\.modules\.(?:\w+\.)?(\w+)$/;

/** Modules of Ultralytics 8 by class name. Their file differs between releases. */
const BUILDERS: ReadonlyMap<string, LayerBuilder> = new Map<string, LayerBuilder>([
  ['A2C2f', a2c2f],
  ['AAttn', areaAttention],
  ['ABlock', aBlock],
  ['AConv', aConv],
  ['ADown', aDown],
  ['Attention', attention],
  ['Bottleneck', bottleneck],
  ['BottleneckCSP', bottleneckCsp],
  ['C1', c1],
  ['C2', c2],
  ['C2PSA', c2psa],
  ['C2f', c2f],
  ['C2fCIB', c2f],
  ['C2fPSA', c2f],
  ['C3', c3],
  ['C3Ghost', c3],
  ['C3TR', c3],
  ['C3f', c3f],
  ['C3k', c3],
  ['C3k2', c2f],
  ['C3x', c3],
  ['CBFuse', cbFuse],
  ['CBLinear', cbLinear],
  ['CIB', cib],
  ['Concat', concatModule],
  ['Conv', convModule],
  ['DWConv', convModule],
  ['ELAN1', elan],
  ['Focus', focus],
  ['GhostBottleneck', ghostBottleneck],
  ['GhostConv', ghostConv],
  ['PSA', psa],
  ['PSABlock', psaBlock],
  ['RepBottleneck', bottleneck],
  ['RepCSP', c3],
  ['RepConv', repConv],
  ['RepNCSPELAN4', elan],
  ['RepVGGDW', repVggDw],
  ['SCDown', scDown],
  ['SPP', spp],
  ['SPPELAN', sppElan],
  ['SPPF', sppf],
  ['TransformerBlock', transformerBlock],
]);

/** Returns the builder of an Ultralytics module; undefined for an unknown class. */
export function ultralyticsLayer(className: string): LayerBuilder | undefined {
  const [, name] = PACKAGE.exec(className) ?? [];
  return name === undefined ? undefined : BUILDERS.get(name);
}

/** Returns the name of an Ultralytics class without its file, such as `Detect`; undefined for other packages. */
export function ultralyticsClass(className: string): string | undefined {
  return PACKAGE.exec(className)?.[1];
}
