import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf } from '../../dataset/layout.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import type { JudgedTask } from '../report-data.ts';
import { escapeHtml, hrefOf } from './html.ts';

/** A figure over all ROIs, in one of the two styles. */
export interface ShownFigure {
  readonly title: string;
  readonly style: 'paper' | 'accessible';
  /** Relative to report/. */
  readonly file: string;
  /** What it shows, in words. */
  readonly description: string;
}

/**
 * Copies a task's figures in the paper's style to report/assets, so that the report is whole without the results
 * folder around it.
 */
export async function copyFigures(results: string, { task }: JudgedTask): Promise<ShownFigure[]> {
  const folder = join(results, folderOf('figures', task));
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.svg')).sort();
  return Promise.all(
    names.map(async (name): Promise<ShownFigure> => {
      const svg = await readFile(join(folder, name), 'utf8');
      const file = `assets/figures/${task}/${name}`;
      await writeFileAtomic(join(results, 'report', file), svg);
      const title = name.replace(/\.svg$/, '').replaceAll('_', ' ');
      return { title, style: 'paper', file, description: `${title}, as in the paper` };
    }),
  );
}

export function figureGrid(figures: readonly ShownFigure[]): string {
  const items = figures.map(({ title, style, file, description }) => {
    const href = hrefOf(file);
    return `<figure class="${style}"><a href="${href}"><img loading="lazy" src="${href}" alt="${escapeHtml(description)}"></a><figcaption>${escapeHtml(title)}</figcaption></figure>`;
  });
  return `<div class="figures">${items.join('')}</div>`;
}
