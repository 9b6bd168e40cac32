import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { TASK_TITLES } from '../../../config/tasks.ts';
import { folderOf } from '../../dataset/layout.ts';
import { fileExists } from '../../files/file-exists.ts';
import type { JudgedTask } from '../report-data.ts';
import { escapeHtml, hrefOf } from './html.ts';

/** px; 887 of them stay below 15 MB. */
const THUMBNAIL_WIDTH = 400;

/** An ROI's figure in the results folder, relative to it. */
function figureOf({ task }: JudgedTask, roi: string): string {
  return task === 'he' ? `${folderOf('figures', 'he')}/cases/${roi}.png` : `${folderOf('figures', task)}/${roi}.png`;
}

/**
 * A card an ROI with a thumbnail of its figure, worst first; thumbnails go to report/assets.
 *
 * @param onRoi - Called after every ROI.
 */
export async function gallerySection(results: string, task: JudgedTask, onRoi: () => void): Promise<string> {
  const cards: string[] = [];
  const ordered = [...task.rois].sort((a, b) => (b.difference ?? -1) - (a.difference ?? -1));
  for (const judged of ordered) {
    cards.push(await cardOf(results, task, judged));
    onRoi();
  }
  const id = `gallery-${task.task}`;
  return `<div class="bar" data-for="${id}"><label>Order <select><option value="difference">most different first</option>${
    task.task === 'he' ? '<option value="ours">lowest Dice first</option>' : ''
  }<option value="name">by name</option></select></label><label>Only names with <input type="search" size="16"></label></div>
<ul class="gallery" id="${id}" aria-label="ROIs of ${escapeHtml(TASK_TITLES[task.task])}">${cards.join('')}</ul>`;
}

async function cardOf(results: string, task: JudgedTask, judged: JudgedTask['rois'][number]): Promise<string> {
  const { roi, verdict, difference, reason } = judged;
  const figure = figureOf(task, roi);
  const hasFigure = await fileExists(join(results, figure));
  const thumbnail = `assets/${task.task}/${roi}.webp`;
  if (hasFigure) await writeThumbnail(join(results, figure), join(results, 'report', thumbnail));
  const picture = hasFigure
    ? `<a href="../${hrefOf(figure)}"><img loading="lazy" src="${hrefOf(thumbnail)}" alt="Figure of ${escapeHtml(roi)}: image, truth and prediction" width="${THUMBNAIL_WIDTH}"></a>`
    : '';
  const share = difference === null ? '' : `, ${(100 * difference).toPrecision(2)} % differ`;
  const ours = 'ours' in judged && judged.ours !== undefined ? judged.ours : 1;
  return `<li data-roi="${escapeHtml(roi)}" data-difference="${difference ?? -1}" data-ours="${ours}">${picture}<div class="about">${escapeHtml(roi)}<br><span class="tag" data-verdict="${verdict}">${verdict}</span>${share}${
    reason === undefined ? '' : `<br>${escapeHtml(reason)}`
  }${task.task === 'he' ? `<br>Dice ${ours.toFixed(4)}` : ''}</div></li>`;
}

async function writeThumbnail(figure: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await sharp(figure).resize({ width: THUMBNAIL_WIDTH, withoutEnlargement: true }).webp({ quality: 72 }).toFile(target);
}
