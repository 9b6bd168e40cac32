import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Canvas } from 'canvas';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CaseFigureInput, caseLayout, drawCaseFigure } from '../../../toolkit/figures/case-figure.ts';
import { registerFonts } from '../../../toolkit/figures/style.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'case-figure-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** 6 x 4 px of grey 200; annotated are x 1..4, y 1..2: Stroma, the last two columns stray. */
function smallCase(): CaseFigureInput {
  const size = { width: 6, height: 4 };
  const rows = (...values: number[][]) => Uint8Array.from(values.flat());
  return {
    roi: 'patient1_he_roi1_with_context',
    image: { ...size, data: new Uint8Array(72).fill(200) },
    truth: {
      ...size,
      data: rows([0, 0, 0, 0, 0, 0], [0, 4, 4, 99, 99, 0], [0, 4, 4, 99, 255, 0], [0, 0, 0, 0, 0, 0]),
    },
    prediction: {
      ...size,
      data: rows([1, 1, 1, 1, 1, 1], [1, 2, 2, 255, 255, 1], [1, 2, 2, 255, 255, 1], [1, 1, 1, 1, 1, 1]),
    },
    out: join(folder, 'cases', 'patient1_he_roi1_with_context.png'),
  };
}

async function pixelsOf(path: string) {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  return { ...info, at };
}

describe('drawCaseFigure', () => {
  it('crops to the annotation, stray values included, and lays labels over the image', async () => {
    const input = smallCase();
    const result = await drawCaseFigure(input);
    expect(result).toEqual({ drawn: true, path: input.out, crop: { x: 1, y: 1, width: 4, height: 2 } });

    registerFonts();
    const panel = { width: 960, height: 480 };
    const layout = caseLayout(`Evaluation plot for ${input.roi}`, panel, new Canvas(1, 1).getContext('2d'));
    const figure = await pixelsOf(input.out);
    expect([figure.width, figure.height, figure.channels]).toEqual([layout.width, layout.height, 3]);

    const [image, truth, prediction] = layout.panels.map(({ x, y }) => ({
      left: figure.at(x + 10, y + 10),
      right: figure.at(x + panel.width - 10, y + 10),
      lowerRight: figure.at(x + panel.width - 10, y + panel.height - 10),
    }));
    const plain = [200, 200, 200];
    expect(image).toEqual({ left: plain, right: plain, lowerRight: plain });
    expect(truth).toEqual({ left: [228, 226, 100], right: [164, 164, 164], lowerRight: [164, 164, 164] });
    expect(prediction).toEqual({ left: [100, 226, 228], right: plain, lowerRight: plain });
  });

  it('has a title, a strip of all labels with their names, and a scale bar', async () => {
    const input = smallCase();
    await drawCaseFigure(input);
    const layout = caseLayout(
      `Evaluation plot for ${input.roi}`,
      { width: 960, height: 480 },
      new Canvas(1, 1).getContext('2d'),
    );
    const figure = await pixelsOf(input.out);
    const darkIn = (left: number, right: number, top: number, bottom: number) => {
      let count = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) if ((figure.at(x, y)[0] ?? 255) < 80) count++;
      }
      return count;
    };
    const { legend, textSize, title } = layout;
    expect(darkIn(0, figure.width, title.y - textSize, title.y + textSize)).toBeGreaterThan(1_000);
    const middleOf = (row: number) => Math.round(legend.y + (row + 0.5) * legend.rowHeight);
    expect(figure.at(legend.x + 5, middleOf(2))).toEqual([0, 253, 255]);
    expect(figure.at(legend.x + 5, middleOf(16))).toEqual([148, 23, 81]);
    for (let row = 0; row < 17; row++) {
      const middle = middleOf(row);
      expect(darkIn(legend.x + 2 * textSize, figure.width, middle - 10, middle + 10), `name ${row}`).toBeGreaterThan(
        50,
      );
    }
    const [input0] = layout.panels;
    const bottom = (input0?.y ?? 0) + 480;
    expect(darkIn((input0?.x ?? 0) + 10, (input0?.x ?? 0) + 300, bottom - 100, bottom - 10)).toBeGreaterThan(200);
  });

  it('draws nothing for an empty annotation, and says why', async () => {
    const input = smallCase();
    input.truth.data.fill(0);
    expect(await drawCaseFigure(input)).toEqual({
      drawn: false,
      reason: 'The annotation of patient1_he_roi1_with_context is empty: there is nothing to crop to',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('writes the same bytes every time', async () => {
    const input = smallCase();
    await drawCaseFigure(input);
    const first = await readFile(input.out);
    await drawCaseFigure(input);
    expect((await readFile(input.out)).equals(first)).toBe(true);
    expect(await readdir(join(folder, 'cases'))).toEqual(['patient1_he_roi1_with_context.png']);
  });

  it.each([
    [1, 1],
    [1, 700],
    [3000, 1],
  ])('draws a crop of %i x %i px', async (width, height) => {
    const size = { width, height };
    const data = new Uint8Array(width * height).fill(4);
    const image = { ...size, data: new Uint8Array(width * height * 3) };
    const out = join(folder, 'x.png');
    const roi = 'a_name_that_is_rather_long_for_a_figure_of_this_size_with_context';
    const result = await drawCaseFigure({ roi, image, truth: { ...size, data }, prediction: { ...size, data }, out });
    expect(result.drawn).toBe(true);
  });

  it.each([
    ['image', { image: { width: 5, height: 4, data: new Uint8Array(60) } }, 'The image of'],
    ['prediction', { prediction: { width: 4, height: 6, data: new Uint8Array(24) } }, 'The prediction of'],
    ['annotation', { truth: { width: 6, height: 4, data: new Uint8Array(23) } }, 'The annotation of'],
  ])('refuses a wrong size of the %s', async (_, wrong, message) => {
    await expect(drawCaseFigure({ ...smallCase(), ...wrong })).rejects.toMatchObject({
      code: 'SIZE_MISMATCH',
      message: expect.stringContaining(`${message} patient1_he_roi1_with_context`),
    });
    expect(await readdir(folder)).toEqual([]);
  });
});
