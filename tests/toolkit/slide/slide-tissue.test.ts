import { describe, expect, it } from 'vitest';
import { findTissue } from '../../../toolkit/slide/slide-tissue.ts';

const [WIDTH, HEIGHT] = [60, 40];
type Colour = readonly [number, number, number];
const GLASS: Colour = [241, 239, 242];
const EOSIN: Colour = [222, 150, 190];
const PALE: Colour = [235, 218, 230];
const HAEMATOXYLIN: Colour = [140, 105, 175];
const BLUE_INK: Colour = [60, 80, 190];
const GREEN_INK: Colour = [60, 160, 90];
const BLACK: Colour = [60, 60, 62];
const DAB: Colour = [170, 130, 95];
const BLUE_NUCLEI: Colour = [165, 175, 205];

function blocks(
  pieces: readonly (readonly [left: number, top: number, width: number, height: number, colour: Colour])[],
  glass = GLASS,
) {
  const colours = new Float32Array(WIDTH * HEIGHT * 3);
  for (let at = 0; at < WIDTH * HEIGHT; at++) {
    const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)];
    const shade = 1 - 0.02 * Math.hypot(x / WIDTH - 0.5, y / HEIGHT - 0.5);
    const piece = pieces.findLast(
      ([left, top, width, height]) => x >= left && x < left + width && y >= top && y < top + height,
    );
    colours.set(
      (piece?.[4] ?? glass).map((value) => value * shade),
      3 * at,
    );
  }
  return { width: WIDTH, height: HEIGHT, colours };
}

function share(data: Uint8Array, left: number, top: number, width: number, height: number): number {
  let found = 0;
  for (let y = top; y < top + height; y++) for (let x = left; x < left + width; x++) found += data[y * WIDTH + x] ?? 0;
  return found / (width * height);
}

describe('findTissue', () => {
  it('finds pink, purple and pale tissue on glass with a vignette, and no glass', () => {
    const { data } = findTissue(
      blocks([
        [5, 5, 12, 10, EOSIN],
        [30, 5, 12, 10, HAEMATOXYLIN],
        [5, 25, 12, 10, PALE],
      ]),
      false,
    );
    expect(share(data, 5, 5, 12, 10)).toBe(1);
    expect(share(data, 30, 5, 12, 10)).toBe(1);
    expect(share(data, 5, 25, 12, 10)).toBe(1);
    expect(data.reduce((sum, each) => sum + each, 0)).toBe(360);
  });

  it('ignores pen, dust and grey edges', () => {
    const { data, pen } = findTissue(
      blocks([
        [0, 20, 60, 3, BLUE_INK],
        [0, 30, 20, 3, GREEN_INK],
        [40, 2, 2, 2, EOSIN],
        [50, 30, 8, 1, BLACK],
      ]),
      false,
    );
    expect(data.every((each) => each === 0)).toBe(true);
    expect(pen).toBe(240);
  });

  it('counts blue as tissue where blue is a stain, and brown always', () => {
    const slide = blocks([
      [5, 5, 12, 10, BLUE_NUCLEI],
      [30, 5, 12, 10, DAB],
    ]);
    expect(share(findTissue(slide, true).data, 5, 5, 12, 10)).toBe(1);
    expect(share(findTissue(slide, false).data, 5, 5, 12, 10)).toBe(0);
    expect(share(findTissue(slide, false).data, 30, 5, 12, 10)).toBe(1);
  });

  it('fills small gaps in tissue and leaves large ones', () => {
    const { data } = findTissue(
      blocks([
        [5, 5, 40, 30, EOSIN],
        [10, 10, 3, 3, GLASS],
        [20, 15, 10, 10, GLASS],
      ]),
      false,
    );
    expect(share(data, 10, 10, 3, 3)).toBe(1);
    expect(share(data, 20, 15, 10, 10)).toBe(0);
  });

  it('is not misled by the pure white of unscanned areas', () => {
    const WHITE: Colour = [262, 262, 262];
    const tinted: Colour = [238, 232, 240];
    const slide = blocks(
      [
        [20, 10, 20, 20, tinted],
        [25, 15, 10, 10, EOSIN],
      ],
      WHITE,
    );
    const colours = slide.colours.map((value) => Math.min(255, value));
    const { data } = findTissue({ ...slide, colours }, false);
    expect(share(data, 25, 15, 10, 10)).toBe(1);
    expect(data.reduce((sum, each) => sum + each, 0)).toBe(100);
  });

  it('uses white as glass if the glass is white', () => {
    const slide = blocks([[5, 5, 12, 10, PALE]], [262, 262, 262]);
    const { data } = findTissue({ ...slide, colours: slide.colours.map((value) => Math.min(255, value)) }, false);
    expect(share(data, 5, 5, 12, 10)).toBe(1);
    expect(data.reduce((sum, each) => sum + each, 0)).toBe(120);
  });

  it('counts everything as tissue in an image without glass', () => {
    const { data } = findTissue(blocks([[0, 0, WIDTH, HEIGHT, EOSIN]]), false);
    expect(share(data, 0, 0, WIDTH, HEIGHT)).toBe(1);
  });
});
