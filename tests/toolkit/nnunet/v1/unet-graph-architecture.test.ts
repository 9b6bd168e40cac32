import { describe, expect, it } from 'vitest';
import type { NnunetPlans, Pair } from '../../../../toolkit/nnunet/v1/plans.ts';
import { type UnetArchitecture, unetArchitecture } from '../../../../toolkit/nnunet/v1/unet-graph.ts';

function plans(changes: Partial<NnunetPlans> = {}): NnunetPlans {
  const pools = changes.pools ?? Array.from({ length: 7 }, (): Pair => [2, 2]);
  return {
    trainer: 'nnUNetTrainerV2_BN',
    patch: [512, 512],
    pools,
    kernels: Array.from({ length: pools.length + 1 }, (): Pair => [3, 3]),
    baseFeatures: 32,
    modalities: 3,
    classes: 17,
    convPerStage: 2,
    ...changes,
  };
}

function blockNames({ encoder, decoder }: UnetArchitecture): readonly string[] {
  return [...encoder.flat(), ...decoder.flatMap((stage) => stage.blocks)].map((block) => block.name);
}

describe('unetArchitecture', () => {
  it("has the paper's widths: doubled at each pooling, at most 480", () => {
    const { features, encoder, decoder } = unetArchitecture(plans());
    expect(features).toEqual([32, 64, 128, 256, 480, 480, 480, 480]);
    expect(encoder.map((blocks) => blocks[0]?.inputs)).toEqual([3, 32, 64, 128, 256, 480, 480, 480]);
    expect(decoder.map(({ upsampling }) => [upsampling.inputs, upsampling.outputs])).toEqual([
      [480, 480],
      [480, 480],
      [480, 480],
      [480, 256],
      [256, 128],
      [128, 64],
      [64, 32],
    ]);
    expect(decoder.map(({ blocks }) => blocks.map(({ inputs, outputs }) => [inputs, outputs])).at(-1)).toEqual([
      [64, 32],
      [32, 32],
    ]);
  });

  it('names the layers like the state dict', () => {
    const names = blockNames(unetArchitecture(plans({ pools: [[2, 2]] })));
    expect(names).toEqual([
      'conv_blocks_context.0.blocks.0',
      'conv_blocks_context.0.blocks.1',
      'conv_blocks_context.1.0.blocks.0',
      'conv_blocks_context.1.1.blocks.0',
      'conv_blocks_localization.0.0.blocks.0',
      'conv_blocks_localization.0.1.blocks.0',
    ]);
  });

  it('has one convolution in a stack even if the plans count none', () => {
    const names = blockNames(unetArchitecture(plans({ pools: [[2, 2]], convPerStage: 1 })));
    expect(names.filter((name) => name.includes('.0.0.') || name.includes('.1.0.'))).toEqual([
      'conv_blocks_context.1.0.blocks.0',
      'conv_blocks_localization.0.0.blocks.0',
    ]);
    expect(names).toHaveLength(5);
  });

  it("gives the deepest decoder stage the bottleneck's kernel, and strides to the first convolution only", () => {
    const kernels: readonly Pair[] = [
      [3, 3],
      [1, 3],
      [3, 1],
    ];
    const pools: readonly Pair[] = [
      [2, 1],
      [1, 4],
    ];
    const { encoder, decoder } = unetArchitecture(plans({ pools, kernels }));
    expect(encoder.map((blocks) => blocks.map((block) => block.kernel))).toEqual(kernels.map((k) => [k, k]));
    expect(decoder.map(({ blocks }) => blocks[0]?.kernel)).toEqual([
      [3, 1],
      [1, 3],
    ]);
    expect(encoder.map((blocks) => blocks.map((block) => block.stride))).toEqual([
      [
        [1, 1],
        [1, 1],
      ],
      [
        [2, 1],
        [1, 1],
      ],
      [
        [1, 4],
        [1, 1],
      ],
    ]);
    expect(decoder.map(({ upsampling }) => upsampling.stride)).toEqual([
      [1, 4],
      [2, 1],
    ]);
  });
});
