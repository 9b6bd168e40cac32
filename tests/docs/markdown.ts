import { readdirSync, readFileSync } from 'node:fs';
import { packageFile } from '../../config/package-files.ts';

/** A fenced block: what follows the fence (`sh run`) and the text within. */
export interface FencedBlock {
  readonly tag: string;
  readonly text: string;
}

/** Markdown files that a reader meets first, and all of docs/. Relative to the package folder. */
export function markdownFiles(): readonly string[] {
  const guides = readdirSync(packageFile('docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`);
  const top = readdirSync(packageFile('')).filter((name) => name !== 'CHANGELOG.md');
  return [...top, ...guides, 'bench/README.md'].filter((name) => name.endsWith('.md')).sort();
}

export function readMarkdown(path: string): string {
  return readFileSync(packageFile(path), 'utf8');
}

/** The fenced blocks of a page in their order. */
export function fencedBlocks(text: string): readonly FencedBlock[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, tag = '', block = '']) => ({ tag, text: block }));
}

/** The page without its fenced blocks. */
export function proseOf(text: string): string {
  return text.replaceAll(/^```.*\n[\s\S]*?^```$/gm, '');
}

/** The targets of all links and pictures of a page. */
export function linkTargets(text: string): readonly string[] {
  const prose = proseOf(text).replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(text: string): readonly string[] {
  const titles = [...proseOf(text).matchAll(/^#+ +(.*)$/gm)].map(([, title = '']) => title);
  return titles.map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
