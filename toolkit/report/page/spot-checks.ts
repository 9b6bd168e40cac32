import { taskNamed } from '../../tasks/task-named.ts';
import type { LayerName, RoiLayers, Spot } from '../layers/layers-file.ts';
import { type Html, hrefOf, html, NOTHING } from './html.ts';

/** Side of the crop around a hotspot, in px of the ROI. */
const SIDE = 192;
/** Maximum number of hotspots shown per task, and per ROI. */
const MAX_HOTSPOTS = 6;
const MAX_PER_ROI = 2;

/** Names of the two predictions. */
export interface SideNames {
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
