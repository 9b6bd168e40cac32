import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type CellsFigureInput, drawCellsFigure } from '../../../toolkit/figures/cells-figure.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const WIDTH = 960;
const GREY = [200, 200, 200];
const BLUE = [0, 0, 255];
const RED = [255, 0, 0];
const YELLOW = [255, 255, 0];

/** A grey image of 960 x 960 px, so that a px of a panel is one of the image. */
async function scene(change: Partial<CellsFigureInput> = {}): Promise<CellsFigureInput> {
  return {
    task: 'pdl1',
    fileName: 'patient1_pdl1_roi1.png',
    image: { width: WIDTH, height: WIDTH, data: new Uint8Array(WIDTH * WIDTH * 3).fill(200) },
    annotatedXyxy: [50, 50, 900, 900],
    readers: [[{ x: 200, y: 200, class: 0 }], [{ x: 400, y: 200, class: 1 }], [{ x: 600, y: 200, class: 2 }]],
    ai: [{ x: 300, y: 500, class: 2 }],
    out: join(await temporaryFolder(), 'pdl1', 'patient1_pdl1_roi1.png'),
    ...change,
  };
}

async function draw(input: CellsFigureInput) {
  await drawCellsFigure(input);
  const { data, info } = await sharp(input.out).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  const isGrey = (x: number, y: number) => at(x, y).join() === GREY.join();
  // Panels are the only grey places: the first grey px of a line, and from there one panel and a gap to the next.
  const top = Array.from({ length: info.height }, (_, y) => y).find((y) => isGrey(info.width >> 1, y)) ?? -1;
  const line = top + 5;
  const lefts: number[] = [];
  for (let x = 0; x < info.width; x++) {
    if (isGrey(x, line) && !isGrey(x - 1, line) && (lefts.length === 0 || x > (lefts.at(-1) ?? 0) + WIDTH))
      lefts.push(x);
  }
  const panel = (k: number) => (x: number, y: number) => at((lefts[k] ?? -1) + x, top + y);
  return { ...info, at, panels: lefts.length, input: panel(0), readers: panel(1), ai: panel(2), bottom: top + WIDTH };
}

describe('drawCellsFigure', () => {
  it('draws each point in its panel, coloured by class with a black edge', async () => {
    const figure = await draw(await scene());
    expect([figure.panels, figure.channels]).toEqual([3, 3]);
    expect([figure.readers(200, 200), figure.readers(400, 200), figure.readers(600, 200)]).toEqual([BLUE, RED, YELLOW]);
    expect(figure.ai(300, 500)).toEqual(YELLOW);
    for (const [x, y] of [
      [200, 200],
      [400, 200],
      [600, 200],
      [300, 500],
    ] as const) {
      expect(figure.input(x, y)).toEqual(GREY);
      const edge = Array.from({ length: 14 }, (_, k) => (y === 500 ? figure.ai(x, y + k) : figure.readers(x, y + k)));
      expect(
        edge.some(([red = 255, green = 255, blue = 255]) => red + green + blue < 60),
        `${x} ${y}`,
      ).toBe(true);
    }
    expect(figure.readers(300, 500)).toEqual(GREY);
    expect(figure.ai(200, 200)).toEqual(GREY);
  });

  it('gives every reader a different shape', async () => {
    const readers = [200, 400, 600, 800].map((x) => [{ x, y: 300, class: 2 }]);
    const figure = await draw(await scene({ readers }));
    const shapes = [200, 400, 600, 800].map((x) => {
      let yellow = '';
      for (let dy = -14; dy <= 14; dy++) {
        for (let dx = -14; dx <= 14; dx++) yellow += figure.readers(x + dx, 300 + dy).join() === YELLOW.join() ? 1 : 0;
      }
      return yellow;
    });
    expect(new Set(shapes).size).toBe(4);
    for (const shape of shapes) expect(shape).toContain('11111');
  });

  it('marks the annotated part in every panel with a dashed line', async () => {
    const figure = await draw(await scene({ readers: [], ai: [] }));
    for (const panel of [figure.input, figure.readers, figure.ai]) {
      const along = Array.from({ length: 600 }, (_, k) => panel(50, 100 + k)[0] ?? 0);
      expect(along.filter((red) => red < 40).length).toBeGreaterThan(200);
      expect(along.filter((red) => red > 190).length).toBeGreaterThan(100);
      expect(panel(400, 400)).toEqual(GREY);
    }
  });

  it('has legends of readers and classes below the panels, and a scale bar', async () => {
    const figure = await draw(await scene());
    const below = (colour: number[]) => {
      let count = 0;
      for (let y = figure.bottom + 10; y < figure.height; y++) {
        for (let x = 0; x < figure.width; x++) if (figure.at(x, y).join() === colour.join()) count++;
      }
      return count;
    };
    for (const colour of [BLUE, RED, YELLOW]) expect(below(colour)).toBeGreaterThan(80);
    expect(below([0, 0, 0])).toBeGreaterThan(1_500);
    let dark = 0;
    for (let y = 900; y < 950; y++) for (let x = 20; x < 260; x++) if ((figure.input(x, y)[0] ?? 255) < 80) dark++;
    expect(dark).toBeGreaterThan(300);
  });

  it.each([0, 1, 5, 12])('draws an image with %i readers, and one without predictions', async (count) => {
    const readers = Array.from({ length: count }, (_, k) => [{ x: 100 + 60 * k, y: 300, class: k % 3 }]);
    const figure = await draw(await scene({ readers, ai: [] }));
    for (let k = 0; k < count; k++) expect(figure.readers(100 + 60 * k, 300)).toEqual([BLUE, RED, YELLOW][k % 3]);
  });

  it('draws smaller markers if there are many', async () => {
    const count = 3_000;
    const ai = Array.from({ length: count }, (_, k) => ({ x: (k % 60) * 16, y: Math.floor(k / 60) * 19, class: 1 }));
    const figure = await draw(await scene({ ai }));
    expect(figure.ai(10 * 16 + 8, 10 * 19 + 9)).toEqual(GREY);
    expect(figure.ai(10 * 16, 10 * 19)).toEqual(RED);
  });

  it('clips points outside the image', async () => {
    const ai = [
      { x: -300, y: 400, class: 1 },
      { x: 2_000, y: -50, class: 1 },
      { x: 400, y: 968, class: 1 },
    ];
    const empty = await draw(await scene({ ai: [] }));
    const figure = await draw(await scene({ ai }));
    const legendTop = figure.bottom + 3;
    for (let x = 0; x < figure.width; x++) expect(figure.at(x, legendTop)).toEqual(empty.at(x, legendTop));
    expect(figure.readers(WIDTH - 280, 400)).toEqual(GREY);
  });

  it('writes the same bytes every time and leaves no other file', async () => {
    const input = await scene();
    await drawCellsFigure(input);
    const first = await readFile(input.out);
    await drawCellsFigure(input);
    expect((await readFile(input.out)).equals(first)).toBe(true);
    expect(await readdir(join(input.out, '..'))).toEqual(['patient1_pdl1_roi1.png']);
  });

  it.each([
    [1, 1],
    [1, 700],
    [2_500, 3],
  ])('draws an image of %i x %i px', async (width, height) => {
    const image = { width, height, data: new Uint8Array(width * height * 3) };
    const fileName = 'a_name_that_is_rather_long_for_a_figure_of_an_image_of_this_size.png';
    const input = await scene({ task: 'nuclei', image, fileName, annotatedXyxy: [0, 0, width, height] });
    await drawCellsFigure({ ...input, readers: [[{ x: 0, y: 0, class: 0 }]], ai: [{ x: 0, y: 0, class: 0 }] });
    expect((await sharp(input.out).metadata()).format).toBe('png');
  });

  it('rejects a truncated image', async () => {
    const input = await scene({ image: { width: 5, height: 4, data: new Uint8Array(59) } });
    await expect(drawCellsFigure(input)).rejects.toMatchObject({
      code: 'SIZE_MISMATCH',
      message: expect.stringContaining('patient1_pdl1_roi1.png'),
    });
  });
});
