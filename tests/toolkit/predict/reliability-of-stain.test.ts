import { describe, expect, it } from 'vitest';
import { measureStain, type StainKind } from '../../../toolkit/predict/reliability.ts';
import { noise } from '../../support/random-numbers.ts';

/** Optical densities of red, green and blue light: Ruifrok and Johnston, 2001. */
const HAEMATOXYLIN = [0.65, 0.7, 0.29];
const EOSIN = [0.07, 0.99, 0.11];
const DAB = [0.27, 0.57, 0.78];

type Pixel = readonly number[];

function stained(stain: readonly number[], amount: number): Pixel {
  return stain.map((density) => Math.round(256 * 10 ** (-density * amount)) - 1);
}

function picture(parts: readonly (readonly [Pixel, number])[]): { data: Uint8Array } {
  return { data: Uint8Array.from(parts.flatMap(([pixel, count]) => Array(count).fill(pixel).flat())) };
}

const WHITE: readonly [Pixel, number] = [[245, 245, 245], 1000];

describe('measureStain', () => {
  it.each<[StainKind, string, readonly (readonly [Pixel, number])[]]>([
    ['H&E', 'eosin and nuclei', [WHITE, [stained(EOSIN, 0.4), 600], [stained(HAEMATOXYLIN, 0.7), 300]]],
    ['immunohistochemistry', 'DAB and nuclei', [WHITE, [stained(DAB, 0.6), 500], [[140, 160, 200], 300]]],
    ['immunohistochemistry', 'nuclei without DAB', [WHITE, [[140, 160, 200], 500], [[200, 205, 210], 300]]],
    ['other', 'brown without nuclei (fur, wood)', [[stained(DAB, 0.6), 900]]],
    ['other', 'leaves', [WHITE, [[60, 130, 40], 900]]],
    ['other', 'a grey photograph', [WHITE, [[120, 120, 120], 900]]],
    [
      'other',
      'fluorescence',
      [
        [[0, 0, 0], 900],
        [[20, 20, 200], 300],
      ],
    ],
    ['unknown', 'glass alone', [WHITE]],
  ])('takes for %s: %s', (kind, _, parts) => {
    expect(measureStain(picture(parts)).kind).toBe(kind);
  });

  it('returns shares of the pixels that absorb light', () => {
    const { tissue, pink, brown } = measureStain(
      picture([WHITE, [stained(EOSIN, 0.4), 750], [stained(DAB, 0.6), 250]]),
    );
    expect([tissue, pink, brown]).toEqual([0.5, 0.75, 0.25]);
  });

  it('reports nothing for an image without pixels, and nothing wrong for noise', () => {
    expect(measureStain({ data: new Uint8Array() }).kind).toBe('unknown');
    expect(measureStain({ data: noise(30_000, 1) }).kind).toBe('other');
  });
});
