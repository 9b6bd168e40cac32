import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../config/package-files.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { type Stop, serveHome } from '../support/serve-home.ts';
import { fencedBlocks, readMarkdown } from './markdown.ts';

/**
 * Pages in the order in which they are walked through, all in one folder. README and the first guide run the sample; the
 * second of them, and all other guides, find its results.
 */
const PAGES = [
  'README.md',
  'docs/getting-started.md',
  'docs/reproduce-the-paper.md',
  'docs/verdicts.md',
  'docs/predict.md',
  'docs/custom-models.md',
  'docs/evaluate.md',
  'docs/thresholds.md',
  'docs/compare.md',
  'docs/checkpoint-safety.md',
  'docs/operations.md',
];

/** From this page on, commands use one server with workers, and npx need not find out each time what it runs. */
const FIRST_SERVED = 'docs/getting-started.md';
const NPX_HERE = 'npx() { node_modules/.bin/"$@"; }';

const folder = suiteFolder();
let stopServer: Stop | undefined;

beforeAll(() => {
  // As npm installs the package, with this checkout in its place.
  mkdirSync(join(folder(), 'node_modules', '.bin'), { recursive: true });
  writeFileSync(join(folder(), 'package.json'), '{}');
  symlinkSync(packageFile(''), join(folder(), 'node_modules', 'reignite'));
  symlinkSync('../reignite/bin/reignite.js', join(folder(), 'node_modules', '.bin', 'reignite'));
});

afterAll(() => stopServer?.());

function runInShell(
  script: string,
): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  const { REIGNITE_HOME: _, ...env } = process.env;
  return new Promise((resolve) => {
    const shell = execFile(
      'bash',
      ['-e', '-c', script],
      { cwd: folder(), env, maxBuffer: 1e8 },
      (_error, stdout, stderr) => resolve({ status: shell.exitCode ?? 1, stdout, stderr }),
    );
  });
}

/** Whether the lines of `shown` are in `output`; a line `...` matches any lines. */
function expectShown(output: string, shown: string): void {
  let rest = output;
  for (const part of shown.split(/^\.\.\.\n/m).filter((each) => each !== '')) {
    expect(rest).toContain(part);
    rest = rest.slice(rest.indexOf(part) + part.length);
  }
}

describe.each(PAGES)('%s', (page) => {
  it('has commands that run, with the output that it shows', async () => {
    const isServed = PAGES.indexOf(page) >= PAGES.indexOf(FIRST_SERVED);
    if (isServed) stopServer ??= await serveHome({ home: join(folder(), '.reignite'), cwd: folder() });
    let output = '';
    for (const { tag, text } of fencedBlocks(readMarkdown(page))) {
      if (tag === 'sh run') {
        const { status, stdout, stderr } = await runInShell(isServed ? `${NPX_HERE}\n${text}` : text);
        expect(status, `${text}\n${stdout}\n${stderr}`).toBe(0);
        output = stdout;
      } else if (tag === 'text output') expectShown(output, text);
    }
  });
});
