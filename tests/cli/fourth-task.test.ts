import { execFileSync } from 'node:child_process';
import { cp, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCommand } from '../support/command.ts';
import { copyCheckout } from '../support/copy-checkout.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

/** All that a new data set of cells takes: its definition ... */
const DEFINITION = `
const LYMPHOCYTES = {
  kind: 'cells',
  name: 'lymphocytes',
  folder: 'pdl1/lymphocytes',
  stain: 'immunohistochemistry',
  checkpoint: 'lymphocytes.pt',
  readersFile: 'lymphocytes.json',
  classes: ['cd3', 'cd8', 'other'],
  classOfName: () => undefined,
  hitRadius: 20,
  groups: [
    { name: 'RUMC', readers: ['reader P1', 'reader P2', 'reader P3'], title: 'F1 of lymphocytes', scale: 'Reds' },
    { name: 'SCDC', readers: ['reader P4', 'reader P5', 'reader P6'], title: 'F1 of lymphocytes', scale: 'Blues' },
  ],
  settings: { tile: 512, confidence: 0.5, iou: 0.6 },
  detected: 'Lymphocytes were detected',
} as const satisfies CellTaskDefinition;

`;
/** ... and a line in each of two lists. */
const LINES: readonly (readonly [file: string, before: string, line: string])[] = [
  [
    'config/tasks.ts',
    '] as const satisfies',
    "{ name: 'lymphocytes', kind: 'cells', title: 'Lymphocyte detection' },\n",
  ],
  ['toolkit/tasks/registry.ts', 'export const PDL1 = {', DEFINITION],
  ['toolkit/tasks/registry.ts', 'nuclei: NUCLEI', 'lymphocytes: LYMPHOCYTES, '],
];

it('adding a fourth task takes one definition: it type-checks, runs, and appears in metrics, verdict and report', async () => {
  const folder = await temporaryFolder();
  const checkout = await copyCheckout(join(folder, 'checkout'));
  for (const [file, before, line] of LINES) {
    const text = await readFile(join(checkout, file), 'utf8');
    expect(text).toContain(before);
    await writeFile(join(checkout, file), text.replace(before, `${line}${before}`));
  }
  const compiler = join(checkout, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--noEmit'], {
    cwd: checkout,
  });

  // The PD-L1 data under another name.
  const { served } = await writeTinyRecord(folder, undefined, async (unpacked) => {
    for (const kind of ['images', 'annotations', 'models']) {
      await cp(join(unpacked, kind, 'pdl1/pdl1'), join(unpacked, kind, 'pdl1/lymphocytes'), { recursive: true });
    }
    const renamed = [
      ['annotations', 'pdl1_test_set_all_readers.json', 'lymphocytes.json'],
      ['models', 'pdl1_detection_weights.pt', 'lymphocytes.pt'],
    ] as const;
    for (const [kind, from, to] of renamed) {
      await rename(join(unpacked, kind, 'pdl1/lymphocytes', from), join(unpacked, kind, 'pdl1/lymphocytes', to));
    }
  });
  await writeFile(join(folder, 'tiny.yaml'), tinyProfile(served));
  const place = { home: join(folder, 'home'), cwd: folder, entry: join(checkout, 'bin/reignite.js') };
  const words = [
    'run',
    '--profile',
    'tiny.yaml',
    '--tasks',
    'pdl1,lymphocytes',
    '--data',
    'data',
    '--results',
    'results',
  ];
  const ended = await runCommand([...words, '--json'], place);
  expect(ended.status, ended.stderr).toBe(0);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    status: 'done',
    tasks: { lymphocytes: { verdict: 'not comparable', rois: { total: 2, failed: 0 } } },
  });
  const read = async (path: string) => readFile(join(folder, 'results', path), 'utf8');
  expect(await read('metrics/lymphocytes.json')).toBe(await read('metrics/pdl1.json'));
  expect(JSON.parse(await read('verdict/lymphocytes.json'))).toMatchObject({ task: 'lymphocytes' });
  expect(await read('report/index.html')).toContain('Lymphocyte detection');
});
