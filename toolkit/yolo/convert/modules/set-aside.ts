import type { Layers } from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';

/** Marks all tensors of a module and its submodules as unused, because detection does not need them. */
export function setAsideAll(layers: Layers, module: ModuleNode): void {
  layers.ledger.setAside(module, ...module.tensors.keys());
  for (const child of module.children.values()) setAsideAll(layers, child);
}
