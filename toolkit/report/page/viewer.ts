import { perTask, TASK_TITLES, TASKS } from '../../../config/tasks.ts';
import type { RecordKind } from '../../dataset/provenance.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { RoiLayers } from '../layers/layers-file.ts';
import type { JudgedTask } from '../report-data.ts';
import { type Html, html, jsonScript } from './html.ts';
import { roiDetails, roiStatusText } from './roi-words.ts';

/** The dialog that shows an ROI with its layers, with data from {@link viewerData}. */
export const VIEWER = html`<dialog id="viewer" class="viewer" aria-labelledby="viewer-title">
<div class="viewer-head"><div><h2 id="viewer-title" data-part="title">ROI</h2><p><span class="tag" data-part="said"></span> <span data-part="about"></span></p></div>
<div class="buttons"><button type="button" data-act="previous">Previous <kbd>p</kbd></button><button type="button" data-act="next">Next <kbd>n</kbd></button><button type="button" data-act="close">Close <kbd>Esc</kbd></button></div></div>
<div class="viewer-main"><div class="stage" data-part="stage" tabindex="0" role="group" aria-label="ROI"><div class="sheet" data-part="sheet"></div><div class="scale" data-part="scale"></div></div>
<div class="viewer-side">
<div class="buttons"><button type="button" data-act="closer">Zoom in <kbd>+</kbd></button><button type="button" data-act="farther">Zoom out <kbd>&#8722;</kbd></button><button type="button" data-act="fit">Fit <kbd>0</kbd></button><button type="button" data-act="pixels">1:1</button></div>
<p data-part="spots" class="buttons"><button type="button" data-act="spot">Next difference <kbd>d</kbd></button> <output data-part="spot"></output></p>
<fieldset><legend>Layers</legend><div data-part="layers"></div>
<label data-part="opacity">Opacity of masks <input type="range" min="0" max="100" value="50"></label></fieldset>
<div class="wide" tabindex="0" role="region" aria-label="Classes in this ROI"><table><tbody data-part="legend"></tbody></table></div>
<p class="note" data-part="notes"></p><p class="note">Drag, or use the arrow keys, to move; wheel, pinch, + and &#8722; to zoom. The scale bar assumes 0.5 µm per pixel.</p>
</div></div></dialog>`;

/** Embeds the data of every ROI for the script of the viewer. */
export function viewerData(tasks: readonly JudgedTask[], layers: readonly RoiLayers[], kind: RecordKind): Html {
  const judged = new Map(
    tasks.flatMap((task) => task.rois.map((roi) => [`${task.task}/${roi.roi}`, { roi }] as const)),
  );
  const rois = layers.flatMap((each) => {
    const found = judged.get(`${each.task}/${each.roi}`);
    if (found === undefined) return [];
    const { roi } = found;
    return [{ ...pickShown(each), verdict: roi.verdict, said: roiStatusText(roi, kind), about: roiDetails(roi) }];
  });
  const words = perTask(TASKS, (task) => taskNamed(task).viewer);
  return jsonScript('viewer-data', { words, titles: TASK_TITLES, rois });
}

function pickShown({ task, roi, width, height, files, classes, spots, notes }: RoiLayers): RoiLayers {
  return { task, roi, width, height, files, classes, spots, notes };
}
