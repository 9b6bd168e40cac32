import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { masksAgreement, pointsAgreement, sumOfAgreements } from '../../../toolkit/compare/compare-predictions.ts';
import { compareSides, expectCompared, verdictText } from '../../../toolkit/compare/compare-sides.ts';
import { pairedScores } from '../../../toolkit/compare/paired-scores.ts';
import { readSide, type Side, type SideTask } from '../../../toolkit/compare/read-side.ts';
import { digestsOf } from '../../../toolkit/evaluate/evaluation.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { writePredictionSummary } from '../../../toolkit/predict/prediction-summary.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
import type { PatientsFile } from '../../../toolkit/verdict/verdict-file.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const config = VerdictConfig.parse({ resamples: 200 });
const { signal } = new AbortController();
const LABELS = 17;

/** Counts of a patient: Stroma pixels predicted as such, and as Tumor cells. */
function patient(id: string, right: number, wrong: number, roi = `roi${id}`): PatientsFile['patients'][number] {
  const ours = new Array<number>(LABELS ** 2).fill(0);
  ours[4 * LABELS + 4] = right;
  ours[4 * LABELS + 2] = wrong;
  return { id, rois: [roi], published: [...ours], ours };
}

function counts(...patients: PatientsFile['patients']): PatientsFile {
  return { matrices: ['confusion'], side: LABELS, patients };
}

function task(more: Partial<SideTask> = {}): SideTask {
  return { predictions: new Map(), images: new Map(), ...more };
}

function side(tasks: Side['tasks'], more: Partial<Side> = {}): Side {
  return { name: 'x', kind: 'run', folder: '/x', isSynthetic: false, about: new Map(), tasks, ...more };
}

async function mask(...rows: readonly (readonly number[])[]): Promise<string> {
  const path = join(await temporaryFolder(), 'mask.png');
  const raw = { width: rows[0]?.length ?? 0, height: rows.length, channels: 1 as const };
  await sharp(Uint8Array.from(rows.flat()), { raw }).toColourspace('b-w').png().toFile(path);
  return path;
}

describe('pairedScores', () => {
  it('scores both sides on the same patients, and leaves out those with other ROIs', () => {
    const a = counts(patient('1', 80, 20), patient('2', 90, 10), patient('3', 50, 50));
    const b = counts(patient('1', 90, 10), patient('2', 95, 5), patient('3', 60, 40, 'another'));
    const scores = pairedScores('he', task({ counts: a }), task({ counts: b }), config);
    expect(scores?.leftOut).toEqual(['3']);
    const stroma = scores?.scores.find(({ name }) => name === 'Stroma');
    // Dice: 2 x 170 / (200 + 170), and 2 x 185 / (200 + 185).
    expect(stroma?.a).toBeCloseTo(340 / 370, 12);
    expect(stroma?.b).toBeCloseTo(370 / 385, 12);
    expect(stroma?.difference).toBeCloseTo(370 / 385 - 340 / 370, 12);
    expect(stroma?.interval?.low).toBeCloseTo(190 / 195 - 180 / 190, 12);
    expect(stroma?.interval?.high).toBeCloseTo(180 / 190 - 160 / 180, 12);
  });

  it('finds no difference between a side and itself', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(50)), { minLength: 1, maxLength: 6 }), (numbers) => {
        const same = counts(...numbers.map(([right, wrong], k) => patient(String(k), right, wrong)));
        const scores = pairedScores('he', task({ counts: same }), task({ counts: same }), config)?.scores ?? [];
        for (const { a, b, difference, interval } of scores) {
          expect(a).toBe(b);
          expect(difference ?? 0).toBe(0);
          expect([interval?.low ?? 0, interval?.high ?? 0]).toEqual([0, 0]);
        }
      }),
    );
  });

  it('rejects sides that were scored against different readers', () => {
    const one: PatientsFile = { matrices: ['RUMC: reader P1|AI'], side: 4, patients: [] };
    const other: PatientsFile = { matrices: ['RUMC: reader P2|AI'], side: 4, patients: [] };
    expect(() => pairedScores('pdl1', task({ counts: one }), task({ counts: other }), config)).toThrow('reader P2');
  });
});

describe('agreement', () => {
  it('ignores pixels that either mask leaves unpredicted', () => {
    const agreement = masksAgreement(Uint8Array.of(1, 1, 2, 255, 2), Uint8Array.of(1, 2, 2, 2, 255));
    expect(agreement).toMatchObject({ a: 3, same: 2 });
    expect([...agreement.classes]).toEqual([
      [1, { a: 2, b: 1, same: 1 }],
      [2, { a: 1, b: 2, same: 1 }],
    ]);
  });

  it('counts points with a counterpart of the same class', () => {
    const a = [
      { x: 0, y: 0, class: 0 },
      { x: 50, y: 50, class: 1 },
    ];
    const b = [
      { x: 1, y: 0, class: 0 },
      { x: 50, y: 50, class: 2 },
      { x: 90, y: 90, class: 2 },
    ];
    const agreement = pointsAgreement(a, b, 2);
    expect(agreement).toMatchObject({ a: 2, b: 3, same: 1, farthest: 1 });
    const sum = sumOfAgreements([agreement, agreement]);
    expect(sum).toMatchObject({ a: 4, b: 6, same: 2 });
    expect(sum.classes.get(2)).toEqual({ a: 0, b: 4, same: 0 });
  });
});

describe('verdictText', () => {
  it('says how many of how many were compared, unless all were', () => {
    expect(verdictText('equal', [{ compared: 1, of: 30 }])).toBe('equal, 1 of 30 compared');
    expect(verdictText('equal', [{ compared: 3, of: 3 }])).toBe('equal');
  });
});

describe('compareSides', () => {
  const options = { config, signal, onRoi: () => undefined };

  it('lists the ROIs that differ most first, and those of only one side', async () => {
    const [one, near, far] = [await mask([4, 4, 4, 4]), await mask([4, 4, 4, 2]), await mask([2, 2, 2, 4])];
    const a = new Map([
      ['a', one],
      ['b', one],
      ['c', one],
      ['d', one],
    ]);
    const b = new Map([
      ['a', one],
      ['b', near],
      ['c', far],
      ['e', one],
    ]);
    const comparison = await compareSides(
      side(new Map([['he', task({ predictions: a })]]), { about: new Map([['he.scope', 'full']]) }),
      side(new Map([['he', task({ predictions: b })]]), { about: new Map([['he.scope', 'annotated']]) }),
      options,
    );
    expect(comparison.verdict).toBe('differs');
    expect(comparison.tasks[0]).toMatchObject({ compared: 3, of: 5 });
    expect(comparison.about).toEqual([{ field: 'he.scope', a: 'full', b: 'annotated' }]);
    const [he] = comparison.tasks;
    expect(he?.worst).toEqual([
      { roi: 'c', difference: 0.75 },
      { roi: 'b', difference: 0.25 },
    ]);
    expect(he?.remarks.join(' ')).toContain('1 ROI is only in A: d.');
    expect(he?.remarks.join(' ')).toContain('1 ROI is only in B: e.');
  });

  it('reports equal for the same masks, and does not compare masks of different sizes', async () => {
    const path = await mask([4, 2]);
    const same = side(new Map([['he', task({ predictions: new Map([['a', path]]) })]]));
    expect((await compareSides(same, same, options)).verdict).toBe('equal');
    const larger = side(new Map([['he', task({ predictions: new Map([['a', await mask([4, 2, 2])]]) })]]));
    const comparison = await compareSides(same, larger, options);
    expect(comparison.verdict).toBe('not comparable');
    expect(comparison.tasks[0]?.remarks[0]).toContain('A is 2 x 1 px, B 3 x 1.');
  });

  it('gives the largest distance of points only if any has a counterpart', async () => {
    const pointsAt = async (...xs: readonly number[]) => {
      const path = join(await temporaryFolder(), 'a.npy');
      await writeNpy(path, {
        dtype: 'float32',
        shape: [xs.length, 3],
        data: Float32Array.from(xs.flatMap((x) => [x, 5, 0])),
      });
      return side(new Map([['nuclei', task({ predictions: new Map([['a', path]]) })]]));
    };
    const a = await pointsAt(5, 50);
    const reasonOf = async (b: Side) => (await compareSides(a, b, options)).tasks[0]?.reason;
    expect(await reasonOf(await pointsAt(200))).toBe('0 points have a counterpart (A has 2, B 1).');
    expect(await reasonOf(await pointsAt(6))).toBe(
      '1 point has a counterpart (A has 2, B 1); largest distance 1.00 px.',
    );
  });

  it('counts an ROI that cannot be compared as a difference', async () => {
    const [small, large] = [await mask([4, 2]), await mask([4, 2, 2])];
    const [a, b] = [small, large].map((other) =>
      side(
        new Map([
          [
            'he',
            task({
              predictions: new Map([
                ['a', small],
                ['b', other],
              ]),
            }),
          ],
        ]),
      ),
    );
    if (a === undefined || b === undefined) throw new Error('There are two sides');
    const { verdict, tasks } = await compareSides(a, b, options);
    expect(verdict).toBe('differs');
    expect(tasks[0]?.reason).toBe('1 of 2 cannot be compared; of the others, 0 of 2 pixels differ.');
  });

  it('explains why predictions of a whole slide cannot be compared', async () => {
    const folder = await temporaryFolder();
    const slide = {
      image: '/s.svs',
      name: 's',
      width: 9,
      height: 9,
      cached: false,
      provider: 'cpu',
      seconds: 1,
      notes: [],
    };
    await writePredictionSummary(folder, {
      task: 'he',
      model: { path: '/m', digest: 'd' },
      settings: {},
      images: [{ ...slide, files: { mask: 'masks/s.tif' } }],
      failures: [],
    });
    const read = await readSide(folder, { name: 'x' });
    expect(read.tasks.get('he')?.predictions.get('s')).toBe(join(folder, 'masks', 's.tif'));
    const comparison = await compareSides(read, read, options);
    expect(() => expectCompared(comparison)).toThrow(`s: File not found: ${join(folder, 'masks', 's.tif')}.`);
    expect(() => expectCompared({ ...comparison, verdict: 'equal' })).not.toThrow();
  });

  it('does not compare predictions of different images with the same name', async () => {
    const folder = await temporaryFolder();
    const sideOf = async (name: string, sha256?: string, width = 9): Promise<Side> => {
      const out = join(folder, name);
      const files = { points: 'points/one.npy' };
      const how = { cached: false, provider: 'cpu', seconds: 1, notes: [] };
      const image = { image: '/one.png', name: 'one', width, height: 9, ...how, files };
      await writePredictionSummary(out, {
        ...{ task: 'nuclei', model: { path: '/m', digest: 'd' }, settings: {}, failures: [] },
        images: [{ ...image, ...(sha256 !== undefined && { sha256 }) }],
      });
      return readSide(out, { name });
    };
    const one = await sideOf('one', 'a'.repeat(64));
    const other = await compareSides(one, await sideOf('other', 'b'.repeat(64)), options);
    expect(other.verdict).toBe('not comparable');
    expect(() => expectCompared(other)).toThrow('The images differ: the file of A has the SHA-256 aaaaaaaaaaaa');
    const wider = await compareSides(one, await sideOf('wider', undefined, 10), options);
    expect(() => expectCompared(wider)).toThrow('that of A is 9 x 9 px, that of B 10 x 9.');
    expect((await compareSides(one, await sideOf('old'), options)).verdict).toBe('equal');
  });

  it('rejects evaluations against different ground truth of an ROI that both have', async () => {
    const predictions = new Map([['a', await mask([4, 2])]]);
    const sideOf = (truth: Record<string, string>) => side(new Map([['he', task({ predictions, truth })]]));
    const one = sideOf({ a: '1', b: '1' });
    await expect(compareSides(one, sideOf({ a: '2' }), options)).rejects.toMatchObject({
      code: 'NOT_COMPARABLE',
      message: 'H&E tissue segmentation: A and B were scored against different ground truth of a.',
    });
    expect((await compareSides(one, sideOf({ a: '1', b: '2' }), options)).verdict).toBe('equal');
  });

  it('rejects sides of different records, and sides without a common task', async () => {
    const he = new Map([['he', task()]] as const);
    const one = side(he, { record: '1' });
    await expect(compareSides(one, side(he, { record: '2' }), options)).rejects.toMatchObject({
      code: 'NOT_COMPARABLE',
    });
    const other = side(new Map([['pdl1', task()]] as const));
    await expect(compareSides(one, other, options)).rejects.toThrow('no task in common');
  });
});

describe('readSide', () => {
  it('rejects folders of other kinds, and metrics that do not name their predictions', async () => {
    const folder = await temporaryFolder();
    await expect(readSide(folder, { name: 'x' })).rejects.toMatchObject({ code: 'NOT_COMPARABLE' });
    const metrics = join(folder, 'metrics', 'he.json');
    await mkdir(dirname(metrics), { recursive: true });
    await writeFile(metrics, '{}');
    await expect(readSide(folder, { name: 'x' })).rejects.toThrow('do not say which predictions');
    await writeFile(join(folder, 'metrics', 'boxes.json'), '{}');
    await expect(readSide(folder, { name: 'x' })).rejects.toThrow('scores of `evaluate --boxes`');
  });

  it('rejects predictions that have changed since they were scored', async () => {
    const folder = await temporaryFolder();
    const path = await mask([4, 2]);
    const files = await digestsOf([['mask.png', path]]);
    await RESULTS.source.write(folder, { data: '/d', predictions: dirname(path), files }, 'he');
    expect((await readSide(folder, { name: 'x' })).kind).toBe('evaluation');
    await writeFile(path, await readFile(await mask([4, 4])));
    await expect(readSide(folder, { name: 'x' })).rejects.toMatchObject({
      code: 'NOT_COMPARABLE',
      message: `${path} has changed since it was scored.`,
    });
    await rm(path);
    await expect(readSide(folder, { name: 'x' })).rejects.toThrow('was scored, but can no longer be read');
  });

  it('rejects points that were added after the evaluation', async () => {
    const folder = await temporaryFolder();
    const patients = [{ id: '1', rois: ['roi1'], published: [0], ours: [0] }];
    await RESULTS.source.write(folder, { data: '/d', predictions: folder, files: {} }, 'nuclei');
    await RESULTS.evaluatedPatients.write(folder, { matrices: ['x'], side: 1, patients }, 'nuclei');
    expect((await readSide(folder, { name: 'x' })).kind).toBe('evaluation');
    await writeFile(join(folder, 'roi1.npy'), '');
    await expect(readSide(folder, { name: 'x' })).rejects.toThrow('was added after the evaluation');
  });
});
