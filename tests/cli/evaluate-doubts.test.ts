import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPlanTask } from '../../activities/task/prepare-task.ts';
import { servicesOf } from '../../activities/task/work-of.ts';
import { TaskSettings } from '../../config/task-config.ts';
import { readReaderAnnotations } from '../../toolkit/dataset/readers-annotations.ts';
import { homeFolders } from '../../toolkit/files/folders.ts';
import { encodeNpy } from '../../toolkit/numpy.ts';
import { PDL1 } from '../../toolkit/tasks/registry.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { runActivity } from '../support/run-activity.ts';
import { tinyProfile, writeTinyRecord, zipRecord } from '../support/tiny-record.ts';

const READERS = 'annotations/pdl1/pdl1/pdl1_test_set_all_readers.json';

const folder = suiteFolder();
const at = (...parts: string[]) => join(folder(), ...parts);
const place = () => ({ home: at('home'), cwd: folder() });
const evaluate = (task: string, data: string, predictions: string, ...more: string[]) =>
  runHere(
    ['evaluate', '--task', task, '--data', data, '--predictions', predictions, '--out', `out-${data}`, ...more],
    place(),
  );

beforeAll(async () => {
  await writeTinyRecord(folder());
  // The same record with the split written in another way.
  await cp(at('unpacked'), at('capital'), { recursive: true });
  const overview = await readFile(at('unpacked', 'data_overview.csv'), 'utf8');
  await writeFile(at('capital', 'data_overview.csv'), overview.replaceAll(',test,', ',Test,'));
  await zipRecord(at('capital'), at('capital-served'));
  await writeFile(at('capital.yaml'), tinyProfile(at('capital-served')));
  // The same record with names of categories, once with the right ids and once with ids that begin at 0.
  const coco = JSON.parse(await readFile(at('unpacked', READERS), 'utf8'));
  for (const [name, shift] of [
    ['from-one', 0],
    ['from-zero', 1],
  ] as const) {
    await mkdir(at(name, 'annotations', 'pdl1', 'pdl1'), { recursive: true });
    const categories = coco.categories.map((category: { id: number }) => ({
      ...category,
      id: category.id - shift,
      name: PDL1.classes[(category.id - 1) % 3],
    }));
    const annotations = coco.annotations.map((annotation: { category_id: number }) => ({
      ...annotation,
      category_id: annotation.category_id - shift,
    }));
    await writeFile(at(name, READERS), JSON.stringify({ ...coco, categories, annotations }));
  }
  // Predictions: what the first reader of both groups marked.
  const { images, points } = await readReaderAnnotations(at('from-one', READERS), 'pdl1');
  await mkdir(at('cells'), { recursive: true });
  for (const { id, stem } of images) {
    const marked = points.get('reader P1')?.get(id) ?? [];
    const data = Float32Array.from(marked.flatMap(({ x, y, class: of }) => [x, y, of]));
    await writeFile(at('cells', `${stem}.npy`), encodeNpy({ dtype: 'float32', shape: [marked.length, 3], data }));
  }
});

describe('a record without ROIs to score', () => {
  it('is an error of `evaluate` that names the values found', async () => {
    const { status, stdout } = await evaluate('he', 'capital', 'capital/annotations/he', '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'OVERVIEW_INVALID',
      cause: expect.stringContaining('split holds "Test" (3)'),
      remedy: 'Change "Test" in split to "test": the values must match exactly.',
    });
  });

  it('is an error of the plan of a run, and of `plan` if the list of ROIs is available', async () => {
    const words = ['--profile', 'capital.yaml', '--tasks', 'he', '--json'];
    const planned = await runHere(['plan', ...words, '--data', 'capital'], place());
    expect(planned.status, planned.stderr).toBe(1);
    expect(JSON.parse(planned.stdout).error.code).toBe('OVERVIEW_INVALID');
    const step = {
      task: 'he' as const,
      folders: { data: at('capital'), results: at('results') },
      stage: { folder: 'digest/execution/he' },
      model: { digest: 'd'.repeat(64) },
      engine: { provider: 'cpu' as const, ortVersion: '1.30.0', engine: 'exact' as const },
      settings: TaskSettings.parse({}),
      batchSize: 10,
    };
    await expect(runActivity(createPlanTask(servicesOf(homeFolders(at('home')))), step)).rejects.toMatchObject({
      code: 'OVERVIEW_INVALID',
      message: expect.stringContaining('split holds "Test" (3)'),
    });
  });
});

describe('categories with IDs from 0', () => {
  const macroOf = (stdout: string) => JSON.parse(stdout).groups.RUMC.f1.macro[0][3];

  it('are scored like the authors do, with a warning on screen and in the files', async () => {
    const right = await evaluate('pdl1', 'from-one', 'cells', '--json');
    expect(right.status, right.stderr).toBe(0);
    expect(macroOf(right.stdout)).toBeCloseTo(1, 6);
    expect(right.stderr).not.toContain('WARNING');

    const rotated = await evaluate('pdl1', 'from-zero', 'cells', '--json');
    expect(rotated.status, rotated.stderr).toBe(0);
    expect(macroOf(rotated.stdout)).toBe(0);
    expect(rotated.stderr).toContain('WARNING: the classes of the readers');
    expect(rotated.stderr).toContain('category 0, "pd-l1 negative tumor cell", counts as "non-tumor cell"');
    expect(rotated.stderr).toContain('--categories by-name');
    const file = await readFile(at('out-from-zero', 'metrics', 'pdl1.intervals.json'), 'utf8');
    expect(JSON.parse(file).warnings[0]).toMatch(/^WARNING: .*72 annotations are affected/);
  });

  it('are scored by their names on request', async () => {
    const { status, stdout, stderr } = await evaluate(
      'pdl1',
      'from-zero',
      'cells',
      '--categories',
      'by-name',
      '--json',
    );
    expect(status, stderr).toBe(0);
    expect(macroOf(stdout)).toBeCloseTo(1, 6);
    expect(stderr).toContain('follow the category names');
    const unnamed = await evaluate('pdl1', 'unpacked', 'cells', '--categories', 'by-name', '--json');
    expect(unnamed.status).toBe(1);
    expect(JSON.parse(unnamed.stdout).error).toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      cause: expect.stringContaining('the name of category 1, "class 0", is not a class of the task'),
    });
  });
});

it('are scored even if the page cannot be written', async () => {
  await mkdir(at('blocked'));
  await writeFile(at('blocked', 'report'), 'a file where the folder of the page should be');
  const { status, stdout, stderr } = await evaluate('pdl1', 'from-one', 'cells', '--json', '--out', 'blocked');
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout).groups.RUMC).toBeDefined();
  expect(stderr).toContain('pdl1.html was not written.');
});
