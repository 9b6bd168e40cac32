import type { StateTensor } from '../../../../toolkit/nnunet/convert/state-dict.ts';
import type { UnetArchitecture } from '../../../../toolkit/nnunet/v1/unet-graph.ts';

/** A state dict with everything that a network of this architecture has, all elements 0.5. */
export function stateDictOf({ encoder, decoder }: UnetArchitecture): Map<string, StateTensor> {
  const tensors = new Map<string, StateTensor>();
  const add = (name: string, ...shape: readonly number[]) => tensors.set(name, constantTensor(shape));
  for (const block of [...encoder.flat(), ...decoder.flatMap((stage) => stage.blocks)]) {
    add(`${block.name}.conv.weight`, block.outputs, block.inputs, ...block.kernel);
    add(`${block.name}.conv.bias`, block.outputs);
    for (const part of ['weight', 'bias', 'running_mean', 'running_var'])
      add(`${block.name}.instnorm.${part}`, block.outputs);
    add(`${block.name}.instnorm.num_batches_tracked`);
  }
  for (const { upsampling, head } of decoder) {
    add(`${upsampling.name}.weight`, upsampling.inputs, upsampling.outputs, ...upsampling.stride);
    add(`${head.name}.weight`, head.classes, head.inputs, 1, 1);
  }
  return tensors;
}

export function constantTensor(shape: readonly number[], value = 0.5): StateTensor {
  const length = shape.reduce((product, axis) => product * axis, 1);
  return { shape, read: async () => new Float32Array(length).fill(value) };
}
