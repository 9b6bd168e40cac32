import { TASK_TITLES, type Task } from '../../../config/tasks.ts';
import { type RecordKind, verdictText } from '../../dataset/provenance.ts';
import { counted, percentText } from '../../format.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import { type LayerName, MAX_VIEWED, type RoiLayers, type Spot } from '../layers/draw-layers.ts';
import type { JudgedTask } from '../report-data.ts';
import { decimal, type Html, hrefOf, html, NOTHING } from './html.ts';

const BY_DICE = {
  lowest: 'lowest Dice first',
  highest: 'highest Dice first',
  change: 'largest change of Dice first',
} as const;

/**
 * Returns one card per ROI, worst first: its image, overlaid with our prediction and the differences. A card opens the
 * viewer, or the image if scripts are disabled.
 */
export function gallerySection(task: JudgedTask, layers: readonly RoiLayers[], kind: RecordKind): Html {
  const byRoi = new Map(layers.filter((each) => each.task === task.task).map((each) => [each.roi, each]));
  const ordered = [...task.rois].sort((a, b) => (b.difference ?? -1) - (a.difference ?? -1));
  const cards = ordered.slice(0, MAX_VIEWED).map((judged) => cardOf(task, judged, byRoi.get(judged.roi), kind));
  const left = ordered.length - cards.length;
  const more =
    left === 0
      ? NOTHING
      : html`<p class="note">${counted(left, 'ROI that differs less is', 'ROIs that differ less are')} not shown; verdict/${task.task}.json has all.</p>`;
  const id = `gallery-${task.task}`;
  const byDice = taskNamed(task.task).viewer.isScored ? BY_DICE : {};
  const orders = { difference: 'most different first', ...byDice, name: 'by name' };
  const options = Object.entries(orders).map(([value, text]) => html`<option value="${value}">${text}</option>`);
  return html`<div class="bar" data-for="${id}"><label>Order <select>${options}</select></label><label>Show names that contain <input type="search" size="16"></label><output></output></div>
<ul class="gallery" id="${id}" aria-label="ROIs of ${TASK_TITLES[task.task]}">${cards}</ul>${more}`;
}

function cardOf(
  task: JudgedTask,
  judged: JudgedTask['rois'][number],
  layers: RoiLayers | undefined,
  kind: RecordKind,
): Html {
  const { roi, verdict, difference } = judged;
  const [ours, published] = 'ours' in judged ? [judged.ours ?? 1, judged.published ?? 1] : [1, 1];
  const picture = layers === undefined ? NOTHING : pictureOf(task.task, roi, layers.files);
  return html`<li data-roi="${roi}" data-difference="${difference ?? -1}" data-ours="${ours}" data-change="${ours - published}">${picture}<div class="about"><strong>${roi}</strong><br><span class="tag" data-verdict="${verdict}">${roiStatusText(judged, kind)}</span><br>${roiDetails(judged)}</div></li>`;
}

/** Returns the stacked layers of an ROI for a card: image, prediction and differences, linked to the viewer. */
export function pictureOf(
  task: Task,
  roi: string,
  { image, ours, differ }: RoiLayers['files'],
  what = 'image and prediction',
): Html {
  const { isMask } = taskNamed(task).viewer;
  const first = image ?? ours;
  if (first === undefined) return NOTHING;
  const shown = [image, ours, differ].flatMap((file, k) =>
    file === undefined
      ? []
      : [
          html`<img loading="lazy" src="${hrefOf(file)}" alt="${file === first ? `${roi}: ${what}` : ''}" class="${k === 1 && isMask ? 'mask' : ''}">`,
        ],
  );
  return html`<a class="stack" href="${hrefOf(first)}" data-view="${task}/${roi}">${shown}</a>`;
}

type JudgedRoi = JudgedTask['rois'][number];

/** Describes an ROI's verdict in a few words. */
export function roiStatusText({ verdict, difference }: JudgedRoi, kind: RecordKind): string {
  const said = verdictText(kind, verdict);
  if (difference === null) return said;
  return difference === 0 ? `${said}, nothing differs` : `${said}, ${percentText(difference)} differ`;
}

/** Text for what explains that an ROI differs. */
const EXPLAINED: Readonly<Record<NonNullable<JudgedRoi['explanation']>, string>> = {
  identical: 'Nothing to explain',
  ties: 'Explained by near ties between labels',
  'half precision': 'Explained by half precision',
  'near the threshold': 'Explained by detection scores near the threshold',
  moved: 'Explained by small shifts of the points',
  'changed settings': 'Explained by the settings of this run',
  'few points': 'Few points differ, within the tolerance',
  'other settings': "Explained by the other settings in the authors' script",
  unexplained: 'Not explained',
};

/** Describes details of an ROI: its scores or points, or why it cannot be compared. */
export function roiDetails(roi: JudgedRoi): string {
  const parts: string[] = [];
  if (roi.reason !== undefined) parts.push(roi.reason);
  if ('ours' in roi && roi.ours !== undefined) {
    parts.push(`Dice ${decimal(roi.ours)} (published ${decimal('published' in roi ? roi.published : null)})`);
  }
  if (roi.explanation !== undefined && roi.difference !== 0 && roi.difference !== null) {
    parts.push(EXPLAINED[roi.explanation]);
  }
  const { comparison } = roi;
  if (comparison !== undefined && 'matched' in comparison) {
    parts.push(
      `${counted(comparison.matched, 'point')} matched, ${comparison.extra} only reproduced, ${comparison.missing} only published`,
    );
  }
  return parts.join('. ');
}

/** Side of the crop around a hotspot, in px of the ROI. */
const SIDE = 192;
/** Maximum number of hotspots shown per task, and per ROI. */
const MAX_HOTSPOTS = 6;
const MAX_PER_ROI = 2;

/** Names of the two predictions. */
interface SideNames {
  readonly published: string;
  readonly ours: string;
}

interface Hotspot {
  readonly layers: RoiLayers;
  readonly spot: Spot;
}

/**
 * Returns the hotspots that differ most, as crops of the viewer's layers: the image alone, and with each of the two
 * predictions over it. A crop links to the ROI in the viewer.
 *
 * @param layers - Layers of the ROIs of one task.
 * @returns Empty if nothing differs.
 */
export function spotChecks(layers: readonly RoiLayers[], names: SideNames): Html {
  const hotspots = layers
    .filter(({ files }) => files.image !== undefined)
    .flatMap((each) => each.spots.slice(0, MAX_PER_ROI).map((spot): Hotspot => ({ layers: each, spot })))
    .sort((a, b) => b.spot.count - a.spot.count)
    .slice(0, MAX_HOTSPOTS);
  if (hotspots.length === 0) return NOTHING;
  return html`<h3>Spot checks: the places that differ most</h3><ul class="spots">${hotspots.map((hotspot) => itemOf(hotspot, names))}</ul>`;
}

function itemOf({ layers, spot }: Hotspot, names: SideNames): Html {
  const { task, roi, files } = layers;
  const { viewer } = taskNamed(task);
  const [one, several] = viewer.differing;
  const where = `${roi}, around x ${Math.round(spot.x)}, y ${Math.round(spot.y)}`;
  const crops = [
    cropOf({ layers, spot }, [], 'image'),
    cropOf({ layers, spot }, ['published'], names.published),
    cropOf({ layers, spot }, ['ours'], names.ours),
  ];
  return html`<li><a href="${hrefOf(files.image ?? '')}" data-view="${task}/${roi}">${crops}</a><p><strong>${where}</strong>: ${spot.count} ${spot.count === 1 ? one : several}</p></li>`;
}

function cropOf({ layers, spot }: Hotspot, over: readonly LayerName[], name: string): Html {
  const { roi, files, task } = layers;
  const { isMask } = taskNamed(task).viewer;
  const shown = (['image', ...over] as const).flatMap((layer, k) => {
    const file = files[layer];
    if (file === undefined) return [];
    const alt = k === 0 ? `${roi}: ${name}` : '';
    return [
      html`<img loading="lazy" class="${k > 0 && isMask ? 'mask' : ''}" src="${hrefOf(file)}" alt="${alt}" style="${cutOf(layers, spot)}">`,
    ];
  });
  return html`<span class="crop"><span class="cut">${shown}<span class="here" style="${markOf(layers, spot)}"></span></span><span>${name}</span></span>`;
}

/** Returns the square crop around a hotspot, in px of the ROI. */
function cropAround({ width, height }: RoiLayers, { x, y }: Spot) {
  const side = Math.min(SIDE, width, height);
  const startOf = (middle: number, length: number) => Math.min(Math.max(0, middle - side / 2), length - side);
  return { side, left: startOf(x, width), top: startOf(y, height) };
}

/** Returns the style that places a whole layer behind its crop. */
function cutOf(layers: RoiLayers, spot: Spot): string {
  const { side, left, top } = cropAround(layers, spot);
  const share = (value: number) => `${((100 * value) / side).toFixed(2)}%`;
  return `width:${share(layers.width)};height:${share(layers.height)};left:-${share(left)};top:-${share(top)}`;
}

/** Returns the style that places the mark of the hotspot in its crop. */
function markOf(layers: RoiLayers, spot: Spot): string {
  const { side, left, top } = cropAround(layers, spot);
  const share = (value: number) => `${((100 * value) / side).toFixed(2)}%`;
  return `left:${share(spot.x - left)};top:${share(spot.y - top)}`;
}
