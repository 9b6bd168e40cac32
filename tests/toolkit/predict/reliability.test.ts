import { describe, expect, it } from 'vitest';
import {
  cellCertainty,
  cellCertaintyNotes,
  densityCautions,
  modelCautions,
  scaleCautions,
  stainCautions,
  tissueCertainty,
} from '../../../toolkit/predict/reliability.ts';

describe('cautions', () => {
  it('are given for a model of the sample', () => {
    expect(modelCautions({ synthetic: true }).join()).toContain('trained on synthetic images');
    expect(modelCautions({ synthetic: false })).toEqual([]);
  });

  it('are given for unknown pixel sizes', () => {
    expect(scaleCautions(undefined).join()).toContain('unknown');
    expect(scaleCautions(0.5)).toEqual([]);
  });

  it('are given for more cells than tissue can have, but not for a few cells in a small crop', () => {
    expect(densityCautions(7532, 512 * 512, undefined).join()).toMatch(/114929 cells per mm², if a pixel is 0.5 µm/);
    expect(densityCautions(7532, 512 * 512, 0.5).join()).not.toContain('if a pixel');
    expect(densityCautions(900, 512 * 512, 0.5)).toEqual([]);
    expect(densityCautions(3, 20 * 20, 0.5)).toEqual([]);
    expect(densityCautions(0, 1, 0.5)).toEqual([]);
  });

  it('are given for a stain that the task is not made for', () => {
    const pink = {
      width: 40,
      height: 40,
      data: Uint8Array.from({ length: 4800 }, (_, at) => [230, 150, 200][at % 3] ?? 0),
    };
    expect(stainCautions('he', pink)).toEqual([]);
    expect(stainCautions('pdl1', pink).join()).toContain('looks like H&E');
    const green = { ...pink, data: pink.data.map((_, at) => [60, 130, 40][at % 3] ?? 0) };
    expect(stainCautions('he', green).join()).toContain('100 % other colours');
  });
});

describe('certainty', () => {
  it('of tissue is the median confidence and the share of unclear pixels', () => {
    const confidences = Uint16Array.from([0, 6553, 6554, 32768, 65535]);
    expect(tissueCertainty(confidences)).toEqual({ medianConfidence: 0.1, unclearShare: 0.4 });
  });

  it('of cells is the median score and the candidates within the image that were too weak', () => {
    const head = {
      schema: 2 as const,
      model: 'm',
      tile: 512,
      classes: ['a'],
      confidence: 0.5,
      iou: 0.5,
      recorded: 0.25,
    };
    const certainty = cellCertainty([{ score: 0.9 }, { score: 0.6 }, { score: 0.7 }], {
      ...head,
      width: 10,
      height: 10,
      box: null,
      candidates: [
        { tile: 0, class: 0, score: 0.4, x1: 1, y1: 1, x2: 3, y2: 3, outcome: 'confidence' },
        { tile: 0, class: 0, score: 0.4, x1: 11, y1: 1, x2: 13, y2: 3, outcome: 'confidence' },
        { tile: 0, class: 0, score: 0.9, x1: 1, y1: 1, x2: 3, y2: 3, outcome: 'point' },
      ],
    });
    expect(certainty).toEqual({ medianScore: 0.7, weakCandidates: 1 });
  });
});

describe('cellCertaintyNotes', () => {
  it('says how many candidates are not counted', () => {
    expect(cellCertaintyNotes({ medianScore: 0.8, weakCandidates: 2 }, { recorded: 0.1, confidence: 0.25 })).toEqual([
      'The median detection score of its cells is 0.80. 2 candidates have detection scores between 0.1 and 0.25 and are not counted.',
    ]);
  });

  it.each([0, 0.001])('leaves out candidates between %d and itself', (threshold) => {
    const range = { recorded: threshold, confidence: threshold };
    expect(cellCertaintyNotes({ medianScore: 0.8, weakCandidates: 0 }, range)).toEqual([
      'The median detection score of its cells is 0.80.',
    ]);
    expect(cellCertaintyNotes({ weakCandidates: 0 }, range)).toEqual([]);
  });
});
