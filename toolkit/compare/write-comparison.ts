import { join } from 'node:path';
import { TASK_TITLES, type Task } from '../../config/tasks.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { grouped, percentText } from '../format.ts';
import { writeNpy } from '../numpy.ts';
import type { TumourShare } from '../predict/prediction.ts';
import type { RoiLayers } from '../report/layers/draw-layers.ts';
import { pictureOf, spotChecks } from '../report/page/gallery.ts';
import { decimal, type Html, html, NOTHING, table } from '../report/page/html.ts';
import { type StandalonePage, writeStandalonePage } from '../report/write-page.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { Agreement, ClassAgreement } from './compare-predictions.ts';
import { type ComparedTask, type Likeness, type SidesComparison, verdictText } from './compare-sides.ts';
import type { Side } from './read-side.ts';

/** Verdict of the report whose colour is used. */
const AS_VERDICT: Readonly<Record<Likeness, string>> = {
  equal: 'reproduced',
  'within tolerance': 'within tolerance',
  differs: 'differs',
  'not comparable': 'not comparable',
};

/** Maximum number of ROIs shown as cards. */
const MAX_CARDS = 200;

/**
 * Writes report/index.html of a comparison: a page that opens from disk, with the viewer of the report for A, B and
 * their differences.
 *
 * @param version - Version of this package.
 */
export async function writeComparisonPage(
  out: string,
  a: Side,
  b: Side,
  comparison: SidesComparison,
  layers: readonly RoiLayers[],
  version: string,
): Promise<void> {
  const { verdict, about, tasks, remarks } = comparison;
  await writeStandalonePage(out, {
    title: `A and B: ${verdictText(verdict, tasks)}`,
    question: 'Are A and B the same?',
    answer: answerOf(comparison),
    tone: AS_VERDICT[verdict],
    lead: html`<strong>A</strong>: ${a.kind} ${a.name}<br><strong>B</strong>: ${b.kind} ${b.name}`,
    links: tasks.map(({ task }) => [task, TASK_TITLES[task]] as const),
    // The remarks already say so.
    isSynthetic: false,
    main: html`<section aria-label="What differs between the two"><h2>Settings, models and versions</h2>${aboutTable(about, a, b)}
${remarks.map((remark) => html`<p class="note">${remark}</p>`)}</section>
${tasks.map((task) => taskSection(task, layers))}`,
    footer: `Written by reignite ${version}. All numbers: comparison.json; patients of each resample and their counts: *.resamples.npy and *.patients.json.`,
    viewed: viewedOf(tasks, layers),
  });
}

function answerOf({ verdict, tasks }: SidesComparison): string {
  const text = verdictText(verdict, tasks);
  return text === verdict ? shortAnswer(verdict) : `${shortAnswer(verdict).slice(0, -1)}${text.slice(verdict.length)}.`;
}

function shortAnswer(verdict: Likeness): string {
  switch (verdict) {
    case 'equal':
      return 'Equal.';
    case 'within tolerance':
      return 'Within tolerance.';
    case 'differs':
      return 'They differ.';
    case 'not comparable':
      return 'Not comparable.';
  }
}

function aboutTable(about: SidesComparison['about'], a: Side, b: Side): Html {
  if (about.length > 0) {
    const rows = about.map((each) => [each.field, each.a ?? '–', each.b ?? '–']);
    return table('What differs', ['', 'A', 'B'], rows);
  }
  if (a.about.size === 0 && b.about.size === 0) return html`<p>Nothing is known of either.</p>`;
  return html`<p>The same on both sides.</p>`;
}

function taskSection(compared: ComparedTask, layers: readonly RoiLayers[]): Html {
  const { task, verdict, reason, remarks, scores } = compared;
  return html`<section><h2 id="${task}">${TASK_TITLES[task]} <span class="tag" data-verdict="${AS_VERDICT[verdict]}">${verdictText(verdict, [compared])}</span></h2>
<p>${reason}</p>${remarks.map((remark) => html`<p class="note">${remark}</p>`)}
${scores === undefined ? NOTHING : scoresTable(compared)}
${spotChecks(
  layers.filter((each) => each.task === task),
  { published: 'A', ours: 'B' },
)}
${tumourTable(compared)}${agreementTable(compared)}
<h3>ROIs, most different first</h3>${gallery(compared, layers)}</section>`;
}

function scoresTable({ task, scores }: ComparedTask): Html {
  const known = (scores?.scores ?? []).filter(({ a, b }) => a !== null || b !== null);
  const rows = known.map(({ name, a, b, difference, interval }) => [
    name.replace('|', ' and '),
    decimal(a),
    decimal(b),
    decimal(difference),
    interval === undefined ? '–' : `${decimal(interval.low)} to ${decimal(interval.high)}`,
  ]);
  const name = taskNamed(task).scoreName;
  const shown = table(
    `${TASK_TITLES[task]}: ${name} of A and B on the same patients`,
    ['', 'A', 'B', 'B − A', '95 % interval of B − A'],
    rows,
  );
  const isSame = known.every(({ difference }) => difference === 0);
  return isSame ? html`<details><summary>Every ${name} is the same</summary>${shown}</details>` : shown;
}

function agreementTable(compared: ComparedTask): Html {
  const { unit, isMask } = taskNamed(compared.task).viewer;
  const classes = comparedClasses(compared);
  const hasAreas = classes.some(({ mm2 }) => mm2 !== undefined);
  const rows = classes.map(({ name, a, b, same, overlap, mm2 }) => [
    name,
    grouped(a),
    grouped(b),
    grouped(same),
    decimal(overlap),
    ...(hasAreas ? [mm2 === undefined ? '–' : mm2.a.toFixed(4), mm2 === undefined ? '–' : mm2.b.toFixed(4)] : []),
  ]);
  const what = isMask ? 'equal' : 'with a counterpart';
  const areas = hasAreas ? ['mm² of A', 'mm² of B'] : [];
  const head = ['', `${unit} of A`, `${unit} of B`, what, isMask ? 'Dice of A and B' : 'F1 of A and B', ...areas];
  const shown = table(`${TASK_TITLES[compared.task]}: agreement of A and B, without the ground truth`, head, rows);
  // Slides have no other table, so that this one is not collapsed.
  return hasAreas ? shown : html`<details><summary>Agreement of A and B per class</summary>${shown}</details>`;
}

/** Returns a table of the tumour proportion of each slide; nothing if none has one. */
function tumourTable({ rois }: ComparedTask): Html {
  const rows = rois.flatMap(({ roi, tumour }) =>
    tumour === undefined ? [] : [[roi, tumourText(tumour.a), tumourText(tumour.b)]],
  );
  return rows.length === 0 ? NOTHING : table('Tumour proportion score, for research only', ['', 'A', 'B'], rows);
}

function gallery({ task, rois }: ComparedTask, layers: readonly RoiLayers[]): Html {
  const files = new Map(layers.filter((each) => each.task === task).map((each) => [each.roi, each.files]));
  const ordered = [...rois].sort((one, other) => (other.difference ?? -1) - (one.difference ?? -1));
  const { unit } = taskNamed(task).viewer;
  const cards = ordered.slice(0, MAX_CARDS).map(({ roi, difference, reason }) => {
    const said = difference === null ? (reason ?? 'not compared') : differenceText(difference, unit);
    return html`<li data-roi="${roi}">${pictureOf(task, roi, files.get(roi) ?? {}, 'image and prediction of B')}<div class="about"><strong>${roi}</strong><br>${said}</div></li>`;
  });
  const left = ordered.length - cards.length;
  const more = left === 0 ? NOTHING : html`<p class="note">${left} more are in comparison.json.</p>`;
  return html`<ul class="gallery" id="gallery-${task}" aria-label="ROIs of ${TASK_TITLES[task]}">${cards}</ul>${more}`;
}

function viewedOf(tasks: readonly ComparedTask[], layers: readonly RoiLayers[]): StandalonePage['viewed'] {
  const compared = new Map(
    tasks.flatMap((task) => task.rois.map((roi) => [`${task.task}/${roi.roi}`, { task, roi }] as const)),
  );
  const rois = layers.flatMap((each) => {
    const found = compared.get(`${each.task}/${each.roi}`);
    if (found === undefined) return [];
    const { difference } = found.roi;
    const { unit } = taskNamed(each.task).viewer;
    const said = difference === 0 ? 'equal' : 'differs';
    const about = difference === null ? '' : differenceText(difference, unit);
    return [{ ...each, verdict: difference === 0 ? 'reproduced' : 'differs', said, about }];
  });
  return { words: Object.fromEntries(tasks.map(({ task }) => [task, wordsOf(task)])), rois };
}

function wordsOf(task: Task) {
  const { viewer } = taskNamed(task);
  const differ = viewer.isMask ? 'Where A and B differ' : 'Without counterpart (ring: B, box: A)';
  return {
    ...viewer,
    sides: ['A', 'B'],
    layers: { ...viewer.layers, published: 'A', ours: 'B', confidence: '', differ },
  };
}

function differenceText(share: number, unit: string): string {
  return share === 0 ? 'equal' : `${percentText(share)} of its ${unit} differ`;
}

/** A class of a comparison, for display. */
interface ComparedClass extends ClassAgreement {
  readonly name: string;
  /** Dice of the masks, or F1 of the points, of A and B; null if neither has the class. */
  readonly overlap: number | null;
}

/** Returns the classes of a comparison with their names: those of a custom model, or else of the task. */
export function comparedClasses({ task, agreement, names }: Pick<ComparedTask, 'task' | 'agreement' | 'names'>) {
  const { labels } = taskNamed(task).viewer;
  return [...agreement.classes].map(([label, counts]): ComparedClass => {
    const { a, b, same } = counts;
    const own = names?.find(({ value }) => value === label)?.name;
    const overlap = a + b === 0 ? null : (2 * same) / (a + b);
    return { ...counts, name: own ?? labels[label]?.name ?? `label ${label}`, overlap };
  });
}

/** Formats a tumour proportion, such as `12.5 % (10 positive, 70 negative)`. */
export function tumourText({ positive, negative, percent }: TumourShare): string {
  const share = percent === null ? 'not defined' : `${percent.toFixed(1)} %`;
  return `${share} (${positive} positive, ${negative} negative)`;
}

/** Creates the content of `comparison.json`, which `compare --json` also prints. */
export function comparisonDocument(a: Side, b: Side, { verdict, about, tasks, remarks }: SidesComparison): object {
  const sideOf = ({ name, kind, folder, record }: Side) => ({ name, kind, folder, ...(record && { record }) });
  return {
    verdict,
    a: sideOf(a),
    b: sideOf(b),
    differences: about,
    remarks,
    tasks: Object.fromEntries(
      tasks.map(({ task, agreement, scores, ...more }) => {
        const { evidence: _draws, ...scored } = scores ?? {};
        return [task, { ...more, agreement: agreementDocument(agreement), ...(scores && { scores: scored }) }];
      }),
    ),
  };
}

function agreementDocument({ classes, ...sums }: Agreement): object {
  return { ...sums, classes: Object.fromEntries(classes) };
}

/**
 * Writes the comparison, with the resamples and counts from which its intervals are computed. In the counts,
 * `published` is A and `ours` is B.
 */
export async function writeComparison(out: string, document: object, { tasks }: SidesComparison): Promise<void> {
  for (const { task, scores } of tasks) {
    if (scores === undefined) continue;
    const { draws, counts } = scores.evidence;
    const patients = counts.patients.length;
    const shape = [patients === 0 ? 0 : draws.length / patients, patients];
    await writeNpy(join(out, `${task}.resamples.npy`), { dtype: 'uint16', shape, data: draws });
    await writeFileAtomic(join(out, `${task}.patients.json`), `${JSON.stringify(counts)}\n`);
  }
  await writeFileAtomic(join(out, 'comparison.json'), `${JSON.stringify(document, null, 1)}\n`);
}
