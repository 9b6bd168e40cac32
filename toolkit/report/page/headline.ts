import { TASK_TITLES, TASKS, type Task } from '../../../config/tasks.ts';
import { type RecordKind, verdictText } from '../../dataset/provenance.ts';
import { counted, listed } from '../../format.ts';
import { mostSevere, type Verdict } from '../../verdict/verdict-file.ts';
import type { ReportData } from '../report-data.ts';
import { type Html, html } from './html.ts';

/** The question of a report, and its answer in a few words and in a sentence. */
export interface Headline {
  readonly verdict: Verdict;
  readonly question: string;
  readonly answer: string;
  readonly sentence: string;
}

/** Text for one task with a verdict, and for several. */
const WORDS: Readonly<Record<Exclude<Verdict, 'differs'>, readonly [one: string, several: string]>> = {
  reproduced: ['is reproduced', 'are reproduced'],
  'within tolerance': ['is within tolerance', 'are within tolerance'],
  'not comparable': ['has nothing published to compare with', 'have nothing published to compare with'],
};

/** Part of every headline on synthetic data. */
const NOT_THE_PAPER = 'this says nothing about the paper';

/** Returns the headline of a report. It names the paper only if the paper's record was compared. */
export function headlineOf(data: ReportData): Headline {
  const { tasks, provenance } = data;
  const verdict = mostSevere(tasks.map((task) => task.verdict));
  const differing = titlesOf(tasks.filter((task) => task.verdict === 'differs'));
  const question = QUESTIONS[provenance.kind](data.summary.record);
  const yes = provenance.kind === 'paper' ? 'Yes, it reproduces.' : 'Yes, they reproduce.';
  const isSample = provenance.kind === 'synthetic';
  const answer =
    tasks.length === 0
      ? unfinishedAnswer(isSample)
      : isSample
        ? sampleAnswer(verdict, differing)
        : answerOf(verdict, differing, isWhole(data) ? yes : undefined);
  return { verdict, question, answer, sentence: sentenceOf(data) };
}

const QUESTIONS: Readonly<Record<ReportData['provenance']['kind'], (record: string) => string>> = {
  paper: () => 'Does the technical validation of the IGNITE data toolkit reproduce?',
  synthetic: () => 'Does the pipeline work on synthetic sample data?',
  other: (record) => `Do the results published with record ${record} reproduce?`,
};

function sentenceOf({ tasks, summary, configuration, provenance }: ReportData): string {
  const where = provenance.kind === 'synthetic' ? ' on synthetic data' : '';
  const sentences = Object.entries(WORDS).flatMap(([each, [one, several]]) => {
    const titles = titlesOf(tasks.filter((task) => task.verdict === each));
    return titles.length === 0 ? [] : [`${listed(titles)} ${titles.length === 1 ? one : several}${where}.`];
  });
  sentences.push(...withoutVerdict({ tasks, summary, configuration }));
  const custom = titlesOf(tasks.filter(({ task }) => configuration?.[task].model !== undefined));
  if (custom.length > 0) sentences.push(`${listed(custom)} ran with a custom model in place of the record's.`);
  const failed = Object.values(summary.tasks).reduce((sum, { rois }) => sum + rois.failed, 0);
  if (failed > 0)
    sentences.push(`${counted(failed, 'ROI')} failed and ${failed === 1 ? 'is' : 'are'} not included in any score.`);
  return sentences.join(' ');
}

/** Names the tasks without a verdict: those that were chosen and are not finished, and those that were not chosen. */
function withoutVerdict({
  tasks,
  summary,
  configuration,
}: Pick<ReportData, 'tasks' | 'summary' | 'configuration'>): string[] {
  const chosen = new Set<string>(configuration?.tasks ?? Object.keys(summary.tasks));
  const missing = TASKS.filter((task) => tasks.every((each) => each.task !== task));
  const sentence = (of: readonly Task[], what: string) =>
    of.length === 0
      ? []
      : [`${listed(of.map((task) => TASK_TITLES[task]))} ${of.length === 1 ? 'was' : 'were'} not ${what}.`];
  return [
    ...sentence(
      missing.filter((task) => chosen.has(task)),
      'finished',
    ),
    ...sentence(
      missing.filter((task) => !chosen.has(task)),
      'part of this run',
    ),
  ];
}

/** Whether every ROI of every task was compared. */
function isWhole({ tasks, summary }: ReportData): boolean {
  return (
    summary.status === 'done' &&
    TASKS.every((task) => tasks.some((each) => each.task === task)) &&
    tasks.every(({ rois }) => rois.every(({ verdict }) => verdict !== 'not comparable'))
  );
}

function titlesOf(tasks: readonly { readonly task: Task }[]): string[] {
  return tasks.map(({ task }) => TASK_TITLES[task]);
}

/**
 * Returns the answer for real data.
 *
 * @param yes - Answer if everything is reproduced; undefined if not everything was compared.
 */
function answerOf(verdict: Verdict, differing: readonly string[], yes: string | undefined): string {
  switch (verdict) {
    case 'reproduced':
      return yes ?? 'Yes, as far as it was compared: reproduced.';
    case 'within tolerance':
      return yes !== undefined ? 'Yes, within tolerance.' : 'Yes, as far as it was compared: within tolerance.';
    case 'differs':
      return `No: ${listed(differing)} ${differing.length === 1 ? 'differs' : 'differ'}.`;
    case 'not comparable':
      return 'Undetermined: there are no published results to compare with.';
  }
}

/** Returns the answer for a run that ended before any task had a verdict. */
function unfinishedAnswer(isSample: boolean): string {
  return isSample
    ? `The run on the synthetic sample finished no task; ${NOT_THE_PAPER}.`
    : 'Undetermined: no task was finished.';
}

function sampleAnswer(verdict: Verdict, differing: readonly string[]): string {
  switch (verdict) {
    case 'reproduced':
      return `The pipeline works: the synthetic sample is reproduced; ${NOT_THE_PAPER}.`;
    case 'within tolerance':
      return `The pipeline works: the synthetic sample is within tolerance; ${NOT_THE_PAPER}.`;
    case 'differs':
      return `The synthetic sample is not reproduced: ${listed(differing)} ${differing.length === 1 ? 'differs' : 'differ'}; ${NOT_THE_PAPER}.`;
    case 'not comparable':
      return `The synthetic sample was run, and nothing could be compared; ${NOT_THE_PAPER}.`;
  }
}

/** White text on these colours has a contrast of at least 4.5:1. */
const COLOURS: Readonly<Record<Verdict, string>> = {
  reproduced: '#1d6b3a',
  'within tolerance': '#7a5200',
  differs: '#a3201d',
  'not comparable': '#565b66',
};

/** Average width of a character of the badge's font in px; the browser fits the text to it. */
const CHARACTER = 6.7;
const MARGIN = 8;
const HEIGHT = 20;
const MAX_RECORD_LENGTH = 40;

/** Left text of the badge, by kind of record. */
const SUBJECTS: Readonly<Record<RecordKind, (record: string) => string>> = {
  paper: (record) => `IGNITE record ${record}`,
  synthetic: () => 'reignite synthetic sample',
  other: (record) => `record ${record}`,
};

/**
 * Draws a badge for a readme or a page, with what was compared, the verdict and the date. It is grey for synthetic
 * data.
 */
export function badge(data: ReportData): Html {
  const { verdict } = headlineOf(data);
  const { kind } = data.provenance;
  const { record, ended } = data.summary;
  const left = SUBJECTS[kind](record.slice(0, MAX_RECORD_LENGTH));
  const right = `${verdictText(kind, verdict)}${ended === undefined ? '' : `, ${ended.slice(0, 10)}`}`;
  const tasks = data.tasks.map((task) => `${TASK_TITLES[task.task]}: ${verdictText(kind, task.verdict)}`).join('; ');
  const widthOf = (words: string) => Math.round(words.length * CHARACTER) + 2 * MARGIN;
  const [from, width] = [widthOf(left), widthOf(right)];
  const text = (words: string, x: number, room: number) =>
    html`<text x="${x + MARGIN}" y="14" textLength="${room - 2 * MARGIN}" lengthAdjust="spacingAndGlyphs">${words}</text>`;
  const label = `${left}: ${right}. ${tasks}.`;
  const colour = kind === 'synthetic' ? COLOURS['not comparable'] : COLOURS[verdict];
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${from + width}" height="${HEIGHT}" role="img" aria-label="${label}"><title>${label}</title><rect width="${from + width}" height="${HEIGHT}" rx="3" fill="#33373f"/><path d="M${from} 0H${from + width - 3}a3 3 0 0 1 3 3V17a3 3 0 0 1-3 3H${from}Z" fill="${colour}"/><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(left, 0, from)}${text(right, from, width)}</g></svg>
`;
}
