import type { Layers } from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';

/** Sets every tensor of a part of the network aside: detection does not need it. */
export function setAsideAll(layers: Layers, module: ModuleNode): void {
  layers.ledger.setAside(module, ...module.tensors.keys());
  for (const child of module.children.values()) setAsideAll(layers, child);
}
