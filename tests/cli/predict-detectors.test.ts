import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readCandidatesFile } from '../../toolkit/yolo/detect/detection-files.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });
const predict = (out: string, model: string, ...words: string[]) =>
  runHere(
    [
      'predict',
      '--task',
      'nuclei',
      '--model',
      fixture(model),
      '--out',
      out,
      '--provider',
      'cpu',
      '--json',
      ...words,
    ].concat(fixture('yolov5/image.png')),
    place(),
  );

const Scene = z.record(
  z.string(),
  z.array(z.tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.int()])),
);

describe('reignite predict with a detector from another source', () => {
  it.each(['64', '128'])(
    'finds with --imgsz %s what yolo predict finds, with the class names of the model',
    async (imgsz) => {
      const out = `scene-${imgsz}`;
      const ran = await predict(out, 'ultralytics/v8.pt', '--imgsz', imgsz, '--confidence', '0.5', '--iou', '0.45');
      expect(ran.status, ran.stderr).toBe(0);
      const [image] = JSON.parse(ran.stdout).images;
      const expected = Scene.parse(JSON.parse(await readFile(fixture('ultralytics/scene.json'), 'utf8')))[imgsz] ?? [];
      const { candidates } = await readCandidatesFile(join(folder(), out, 'candidates', 'image.json'));
      const found = candidates.filter(({ outcome }) => outcome === 'point');
      expect(found).toHaveLength(expected.length);
      expect(expected.length).toBeGreaterThan(3);
      for (const [x1, y1, x2, y2, score, label] of expected) {
        // Several boxes may be the whole image after they are cut at its borders.
        const near = found.some(
          (of) =>
            of.class === label &&
            Math.abs(of.score - score) < 1e-3 &&
            [of.x1 - x1, of.y1 - y1, of.x2 - x2, of.y2 - y2].every((distance) => Math.abs(distance) < 0.05),
        );
        expect(near, `${label} ${score} at ${x1}, ${y1}`).toBe(true);
      }
      const perClass = (label: number) => expected.filter(([, , , , , of]) => of === label).length;
      expect(image.counts).toMatchObject([
        { name: 'round cell', count: perClass(0) },
        { name: 'long cell', count: perClass(1) },
      ]);
      expect(image.notes.join(' ')).toContain(`scaled to ${imgsz} px`);
    },
  );

  it('uses overlapping tiles of the training size, unless told otherwise', async () => {
    const ran = await predict('tiles', 'ultralytics/v8.pt');
    expect(ran.status, ran.stderr).toBe(0);
    const { overlap, tile, suppression, confidence } = await readCandidatesFile(
      join(folder(), 'tiles', 'candidates', 'image.json'),
    );
    expect({ overlap, tile, suppression, confidence }).toEqual({
      overlap: 13,
      tile: 64,
      suppression: 'by-class',
      confidence: 0.25,
    });
    const [image] = JSON.parse(ran.stdout).images;
    expect(image.notes.join(' ')).toContain('tiles of 64 px that overlap by 13 px');
    expect(image.outside).toBe(0);
  });

  it('needs no inference for another confidence threshold', async () => {
    const ran = await predict('higher', 'ultralytics/v8.pt', '--confidence', '0.6');
    expect(ran.status, ran.stderr).toBe(0);
    const [image] = JSON.parse(ran.stdout).images;
    expect(image.cached).toBe(true);
    const of = async (out: string) => readCandidatesFile(join(folder(), out, 'candidates', 'image.json'));
    const { confidence, candidates } = await of('higher');
    expect(confidence).toBe(0.6);
    const points = candidates.filter(({ outcome }) => outcome === 'point');
    expect(points).toHaveLength(image.cells);
    expect(points.every(({ score }) => score > 0.6)).toBe(true);
    expect((await of('tiles')).candidates.length).toBe(candidates.length);
  });

  it('applies no NMS to a one-to-one head; --iou selects the other head', async () => {
    const one = await predict('one', 'ultralytics/v10.pt');
    expect(one.status, one.stderr).toBe(0);
    expect(await readCandidatesFile(join(folder(), 'one', 'candidates', 'image.json'))).toMatchObject({
      suppression: 'none',
    });
    const many = await predict('many', 'ultralytics/v10.pt', '--iou', '0.7');
    expect(many.status, many.stderr).toBe(0);
    expect(await readCandidatesFile(join(folder(), 'many', 'candidates', 'image.json'))).toMatchObject({
      suppression: 'by-class',
      iou: 0.7,
    });
  });

  it.each([
    [['--overlap', '40'], /more than half of a tile of 64 px/],
    [['--imgsz', '64', '--overlap', '10'], /--fit tiles/],
    [['--imgsz', '64.5'], /whole number/],
    [['--confidence', '2'], /--confidence from 0 to 1/],
  ])('refuses %j', async (words, cause) => {
    const { status, stdout } = await predict('refused', 'ultralytics/v8.pt', ...words);
    expect(status).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'USAGE', cause: expect.stringMatching(cause) });
  });
});
