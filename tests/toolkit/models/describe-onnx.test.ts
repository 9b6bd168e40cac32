import { describe, expect, it } from 'vitest';
import { draftSidecar } from '../../../toolkit/models/describe-onnx.ts';
import type { DescribedModel, DescribedValue } from '../../../toolkit/onnx/file/describe-model.ts';

const FLOAT = 1;
const INT64 = 7;

function value(name: string, shape: DescribedValue['shape'], elementType = FLOAT): DescribedValue {
  return { name, shape, elementType };
}

function model(input: DescribedValue, ...outputs: readonly DescribedValue[]): DescribedModel {
  const rest = { opsets: [], producer: '', graph: '', operators: {}, parameters: 0, externalFiles: [], metadata: {} };
  return { irVersion: 8, inputs: [input], outputs, ...rest };
}

const image = value('x', [1, 3, 64, 64]);

describe('the draft of a model JSON file', () => {
  it.each<readonly [string, DescribedModel, RegExp, RegExp]>([
    ['labels', model(image, value('y', [1, 1, 64, 64], INT64)), /holds numbers that are not scores/, /ArgMax/],
    ['a batch', model(value('x', [8, 3, 64, 64]), value('y', [8, 2, 64, 64])), /8 images at once/, /one image/],
    ['one pixel', model(value('x', [1, 3, 1, 1]), value('y', [1, 2, 1, 1])), /1 x 1 px/, /tiles/],
    ['a classifier', model(image, value('y', [1, 9, 1, 1])), /classifier/, /not supported/],
    ['a small output', model(image, value('y', [1, 2, 32, 32])), /\[1,2,32,32\] for an input of 64 x 64/, /resize/],
    ['many channels', model(image, value('y', [1, 300, 64, 64])), /300 channels/, /Reduce/],
    [
      'a YOLO segmentation head without metadata',
      model(value('x', [1, 3, 640, 640]), value('y', [1, 116, 8_400]), value('p', [1, 32, 160, 160])),
      /32 prototypes/,
      /yolo export/,
    ],
  ])('is not written for %s: the message says what is not supported', (_, described, what, remedy) => {
    expect(() => draftSidecar('/model.onnx', described)).toThrow(
      expect.objectContaining({
        code: 'SIDECAR_INVALID',
        message: expect.stringMatching(what),
        remedy: expect.stringMatching(remedy),
      }),
    );
  });

  it('asks which of several outputs to read', () => {
    const head = value('y', [1, 6, 8_400]);
    const { unknown } = draftSidecar(
      '/model.onnx',
      model(value('x', [1, 3, 640, 640]), head, value('z', [1, 6, 8_400])),
    );
    expect(unknown.join(' ')).toContain('the first of y and z');
  });
});
