import { describe, expect, it } from 'vitest';
import { parseSidecar, SegmentationSidecar } from '../../../toolkit/onnx/custom-model/sidecar.ts';

const parse = (label: object) =>
  parseSidecar(
    'model.onnx',
    { kind: 'segmentation', output: { values: 'logits' }, labels: ['rest', { name: 'tumour', ...label }] },
    SegmentationSidecar,
  ).labels[1];

describe('the colour of a label', () => {
  it.each(['colour', 'color'])('is accepted as %s', (spelling) => {
    expect(parse({ [spelling]: [1, 2, 3] })).toEqual({ name: 'tumour', colour: [1, 2, 3] });
  });

  it('is rejected in both spellings at once', () => {
    const both = () => parse({ colour: [1, 2, 3], color: [1, 2, 3] });
    expect(both).toThrow('give colour or color, not both');
  });
});
