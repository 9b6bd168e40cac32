import { describe, expect, it } from 'vitest';
import { ConfusionMatrix } from '../../../../toolkit/metrics/confusion-matrix.ts';
import { overflowEntry, timeLimitEntry } from '../../../../toolkit/verdict/discrepancies/cells-entries.ts';
import {
  duplicateImagesEntry,
  missingFilesEntry,
  sharedPatientsEntry,
  sizesEntry,
} from '../../../../toolkit/verdict/discrepancies/record-entries.ts';
import {
  labelNameEntry,
  roundedRois,
  roundingEntry,
  strayEntry,
} from '../../../../toolkit/verdict/discrepancies/tissue-entries.ts';

const tissue = (width: number, height: number, counted = width * height) => {
  const counts = new Float64Array(17 * 17);
  counts[2 * 17 + 2] = counted;
  return { roi: `${width}x${height}`, width, height, confusion: new ConfusionMatrix(17, counts) };
};

const row = (name: string, task: string, split: string, patient: string, facts: Record<string, string> = {}) => ({
  line: 2,
  imagePath: `../../data/images/he/${name}.png`,
  annotationPath: `../../data/annotations/he/${name}.png`,
  task,
  split,
  facts: { patient_id: patient, ...facts },
});

describe('discrepancy report, tissue', () => {
  it('lists the ROIs whose tiles half-up rounding would move', () => {
    // 769: 128.5 goes to 128 here and to 129 there; 771: 129.5 goes to 130 both ways.
    const rois = [tissue(512, 769), tissue(771, 512), tissue(64, 64)];
    expect(roundedRois(rois, [512, 512])).toEqual(['512x769']);
    expect(roundingEntry(rois, [512, 512], undefined)).toMatchObject({ status: 'not measured', affectedTotal: 1 });
    const again = { differing: 3, pixels: 393_728, total: tissue(3, 1).confusion };
    expect(roundingEntry(rois, [512, 512], again)).toMatchObject({ status: 'affects results' });
  });

  it('counts the pixels whose value is not a label, where every pixel was predicted', () => {
    const rois = [tissue(10, 10), tissue(20, 10, 197)];
    expect(strayEntry(rois, 'full')).toMatchObject({ status: 'affects the record', affected: ['20x10'] });
    expect(strayEntry(rois, 'annotated')).toMatchObject({ status: 'not measured', affectedTotal: 0 });
  });

  it('names the class that has two names', () => {
    const entry = labelNameEntry([
      { value: 2, name: 'Tumor epithelium' },
      { value: 4, name: 'Stroma' },
    ]);
    expect(entry.affected).toEqual(['label 2: "Tumor epithelium", in the figures "Tumor cells"']);
  });
});

describe('discrepancy report, cells', () => {
  it('shows how 16-bit sums would have changed a larger count', () => {
    const confusion = {
      'reader R1|AI': [
        [65_536 + 10, 0],
        [0, 0],
      ],
    };
    const metrics = { groups: { nuclei: { readers: ['reader R1', 'AI'], f1: { macro: [], '0': [] }, confusion } } };
    expect(overflowEntry({ nuclei: metrics }, [])).toMatchObject({
      status: 'affects results',
      affected: ['nuclei, nuclei: reader R1|AI'],
    });
    const overflowing = [{ name: 'nuclei: reader R1|AI', wrapped: 0.25, unwrapped: 0.75 }];
    const evaluation = { verdict: 'reproduced', reason: '', counts: 'wrapped', overflowing } as const;
    expect(overflowEntry({ nuclei: metrics }, [{ task: 'nuclei', evaluation }])).toMatchObject({
      effect: expect.stringMatching(
        /\. The F1 values in print for Nuclei detection are those of counts that wrapped\.$/,
      ),
      corrected: [{ name: 'nuclei: reader R1|AI', paper: 0.25, corrected: 0.75 }],
    });
    const small = {
      ...metrics.groups.nuclei,
      confusion: {
        'reader R1|AI': [
          [65_535, 0],
          [0, 0],
        ],
      },
    };
    expect(overflowEntry({ nuclei: { groups: { nuclei: small } } }, []).status).toBe('no effect here');
  });

  it('flags published tiles without a point where the reproduced ones have some', () => {
    const at = (x: number, y: number) => ({ x, y, class: 0 });
    const image = {
      task: 'nuclei',
      roi: 'a',
      published: [at(1, 1)],
      ours: [at(1, 1), at(600, 1), at(700, 2)],
    } as const;
    expect(timeLimitEntry([image])).toMatchObject({
      affected: ['nuclei, a, tile 1,0'],
      effect: '1 tile has no published points, but 2 in this run; the time limit may be the reason.',
    });
  });
});

describe('discrepancy report, record', () => {
  it('finds patients in both splits, within a task and across tasks', () => {
    const rows = [
      row('a', 'he', 'train', '1'),
      row('b', 'he', 'test', '1'),
      row('c', 'he', 'train', '2'),
      row('d', 'nuclei', 'test', '2'),
      row('e', 'he', 'test', '3'),
    ];
    expect(sharedPatientsEntry(rows).affected).toEqual(['patient 1, within he', 'patient 2, across: tested in nuclei']);
  });

  it('finds identical images of different ROIs; an ROI and its own context are not a pair', () => {
    const image = (path: string, sha256: string) => ({ path: `images/he/${path}.png`, sha256 });
    const images = [image('a', '1'), image('a_with_context', '1'), image('b', '2'), image('c', '2')];
    const rows = [row('b', 'he', 'train', '1'), row('c', 'he', 'test', '2')];
    expect(duplicateImagesEntry(images, rows)).toMatchObject({
      affected: ['images/he/b.png = images/he/c.png'],
      effect: '1 group of equal files among 4 images, 1 of them in train and test.',
    });
  });

  it('compares sizes and areas to the decimals given, and lists rows without files', () => {
    const size = { width: 2405, height: 1962 };
    const right = row('a', 'he', 'test', '1', { shape: '(1962, 2405)', area_mm2: '1.179652' });
    const wrong = row('b', 'he', 'test', '1', { shape: '(2405, 1962)', area_mm2: '1.18' });
    const rows = [
      { row: right, missing: [], size },
      { row: wrong, missing: ['images/he/b.png'], size },
    ];
    expect(sizesEntry(rows).affected).toEqual(['line 2, b: (2405, 1962), the image has (1962, 2405)']);
    expect(missingFilesEntry(rows).affected).toEqual(['line 2: images/he/b.png']);
  });
});
