import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageFile } from '../../config/package-files.ts';
import { anchorsOf, linkTargets, markdownFiles, readMarkdown } from './markdown.ts';

const SOURCES = ['activities', 'bench', 'cli', 'config', 'runtime', 'scripts', 'tests', 'toolkit', 'workflows'];

/** What `npm pack` ships, relative to the package folder. */
function packedFiles(): ReadonlySet<string> {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: packageFile(''), encoding: 'utf8' });
  const [packed] = JSON.parse(output) as [{ files: { path: string }[] }];
  return new Set(packed.files.map(({ path }) => path));
}

/** Links within the repository: the file, relative to the package folder, and the anchor. */
function localLinks(page: string): { readonly target: string; readonly file: string; readonly anchor: string }[] {
  const targets = linkTargets(readMarkdown(page)).filter((target) => !/^[a-z]+:/.test(target));
  return targets.map((target) => {
    const [path = '', anchor = ''] = target.split('#');
    return { target, file: path === '' ? page : join(page, '..', path), anchor };
  });
}

it.each(markdownFiles())('%s has links to files and headings that exist', (page) => {
  const broken = localLinks(page).filter(({ file, anchor }) => {
    if (!existsSync(packageFile(file))) return true;
    return anchor !== '' && !anchorsOf(readMarkdown(file)).includes(anchor);
  });
  expect(broken.map(({ target }) => target)).toEqual([]);
});

it('packs every file that a packed page links to', () => {
  const packed = packedFiles();
  const isPacked = (file: string) => packed.has(file) || [...packed].some((path) => path.startsWith(join(file, '/')));
  const missing = markdownFiles()
    .filter((page) => packed.has(page))
    .flatMap((page) => localLinks(page).map(({ file }) => `${page}: ${file}`))
    .filter((link) => !isPacked(link.slice(link.indexOf(': ') + 2)));
  expect(missing).toEqual([]);
});

it.each(['ARCHITECTURE.md', 'CONTRIBUTING.md', ...markdownFiles().filter((page) => page.startsWith('docs/'))])(
  '%s names source files that exist',
  (page) => {
    const named = [...readMarkdown(page).matchAll(/`((?:[\w-]+\/)+[\w.-]*)`/g)].map(([, path = '']) => path);
    const ours = named.filter((path) => SOURCES.includes(path.split('/')[0] ?? ''));
    expect(ours.filter((path) => !existsSync(packageFile(path)))).toEqual([]);
  },
);
