import type { RunStatus, TaskOutcome } from '../activities/report/write-summary.ts';
import { TASK_TITLES } from '../config/tasks.ts';
import type { ControlState } from './control.ts';
import type { NamedFailure } from './failures.ts';
import { progressTable, type ShownStage, type StageColumn, type StageProgress } from './progress.ts';

const TASK_TITLES_BY_NAME = new Map<string, string>(Object.entries(TASK_TITLES));

/** What the page of a run shows. */
export interface RunView {
  /** ID of the run's workflow. */
  readonly run: string;
  readonly stages: readonly StageProgress[];
  /** When each stage started. */
  readonly startedAt: ReadonlyMap<string, string>;
  readonly control: ControlState;
  readonly outcomes: Readonly<Record<string, TaskOutcome>>;
  /** Set when the run ends. */
  readonly end?: RunEnd;
}

export interface RunEnd {
  readonly status: RunStatus;
  readonly failure?: NamedFailure;
  /** What was compared, in a few words. */
  readonly compared?: string;
  /** The results folder. */
  readonly results: string;
}

/** Formats a run as Markdown, for its page in the Temporal UI: its state, its stages, and the interventions. */
export function runDetails({ run, stages, startedAt, control, outcomes, end }: RunView): string {
  const { paused, interventions } = control;
  // The UI's panel has room for one more column: the start of each stage, and once the run has ended its verdict.
  const column: StageColumn =
    end?.status === 'done' || end?.status === 'partial'
      ? { title: 'Verdict', textOf: ({ stage }) => saidOf(outcomes[stage]) }
      : {
          title: 'Started (UTC)',
          textOf: ({ stage }) =>
            (startedAt.get(stage) ?? '').slice(5, 16).replace('T', '\u00a0').replace('-', '\u2011'),
        };
  // The stages of a paused run were interrupted and send nothing.
  const shown = stages.map(
    (stage): ShownStage =>
      stage.state === 'running' ? { ...stage, ...(paused && { state: 'paused' }), isLeast: true } : stage,
  );
  const isOpen = end === undefined && shown.some(({ state }) => state === 'running');
  return [
    ...headline(run, paused, end),
    ...(end === undefined ? [] : verdictList(outcomes)),
    progressTable(shown, [column]),
    ...(isOpen ? ['', 'The page of each stage shows its counts: open it in the Relationships tab.'] : []),
    ...(interventions.length === 0 ? [] : ['', 'Interventions (UTC):', '']),
    ...interventions.map(({ at, what }) => `- ${clock(at)} ${what}`),
  ].join('\n');
}

/** Lists the outcome of each task, one line each. */
function verdictList(outcomes: RunView['outcomes']): string[] {
  const lines = Object.entries(outcomes).map(([task, outcome]) => {
    const title = TASK_TITLES_BY_NAME.get(task) ?? task;
    return `- **${title}**: ${[saidOf(outcome), ...(outcome.scores ?? [])].join('. ')}`;
  });
  return lines.length === 0 ? [] : [...lines, ''];
}

/** Returns the verdict in words; runs of earlier versions have only the plain verdict. */
export function saidOf(outcome: TaskOutcome | undefined): string {
  return outcome?.said ?? outcome?.verdict ?? '';
}

function headline(run: string, paused: boolean, end: RunEnd | undefined): string[] {
  if (end === undefined) return paused ? [`**Paused.** Resume with \`npx reignite resume ${run}\`.`, ''] : [];
  const { status, failure, results, compared } = end;
  const about = compared === undefined ? '' : `Compared: ${compared}. `;
  const report = `${about}Report: \`${results}/report/index.html\``;
  if (status === 'done') return [`**Done.** ${report}`, ''];
  if (status === 'partial') {
    return [
      `**Done in part: some ROIs failed.** \`npx reignite why ${run}\` names them, \`npx reignite retry ${run}\` computes them again. ${report}`,
      '',
    ];
  }
  if (status === 'cancelled') return ['**Cancelled.** Run the same `npx reignite run` again to resume.', ''];
  const { code = '', cause = '', remedy = '' } = failure ?? {};
  return [`**Failed: ${code}.** ${cause} ${remedy}`, ''];
}

function clock(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
