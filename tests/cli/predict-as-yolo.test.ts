import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readCandidatesFile } from '../../toolkit/yolo/detect/detection-files.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';

const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/ultralytics/oracle/${name}`, import.meta.url));

/** x1, y1, x2, y2, score, class: what ultralytics finds, best first, at most 300 an image, boxes in the padding too. */
const Expected = z.record(
  z.string(),
  z.array(z.tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.number()])),
);
const MOST = 300;

/** How far a box and its score may be from those of PyTorch: see docs/architecture/numerics.md. */
const NEAR = { pixels: 0.05, score: 2e-4 };

beforeAll(async () => {
  const ran = await runHere(['model', 'convert', fixture('best.pt'), '--out', 'best.onnx'], place());
  expect(ran.status, ran.stderr).toBe(0);
});

describe('reignite predict --imgsz', () => {
  it.each([
    ['wide.640rect', '0.7', fixture('best.pt')],
    ['wide.640rect', '0.45', fixture('best.pt')],
    ['wide.640', '0.7', 'best.onnx'],
    ['wide.640', '0.45', 'best.onnx'],
  ])('finds box by box what ultralytics finds: %s at IoU %s', async (name, iou, model) => {
    const out = `${name}-${iou}`;
    const words = ['predict', '--task', 'nuclei', '--model', model, '--imgsz', '640', '--iou', iou];
    const ran = await runHere([...words, '--provider', 'cpu', '--out', out, fixture('wide.png')], place());
    expect(ran.status, ran.stderr).toBe(0);
    const expected = Expected.parse(JSON.parse(await readFile(fixture('boxes.json'), 'utf8')))[`${name} ${iou}`] ?? [];
    const { candidates } = await readCandidatesFile(join(folder(), out, 'candidates', 'wide.json'));
    const kept = candidates.filter(({ outcome }) => outcome === 'point' || outcome === 'outside');
    expect(kept.slice(0, MOST)).toHaveLength(expected.length);
    const left = new Set(kept.slice(0, MOST));
    for (const [x1, y1, x2, y2, score, label] of expected) {
      const same = [...left].find(
        (box) =>
          box.class === label &&
          Math.abs(box.score - score) < NEAR.score &&
          [box.x1 - x1, box.y1 - y1, box.x2 - x2, box.y2 - y2].every((far) => Math.abs(far) < NEAR.pixels),
      );
      expect(same, `${[x1, y1, x2, y2, score]}`).toBeDefined();
      if (same !== undefined) left.delete(same);
    }
    // What the package keeps in the padding has no height or width once it is cut at the border of the image.
    for (const { outcome, x1, y1, x2, y2 } of kept) {
      expect(outcome === 'outside').toBe(x2 - x1 === 0 || y2 - y1 === 0);
    }
    expect(ran.stdout.includes(`keeps the best ${MOST} boxes`)).toBe(kept.length > MOST);
  });
});
