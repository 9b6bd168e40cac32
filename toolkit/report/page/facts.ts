import { z } from 'zod';
import { RunConfig } from '../../../config/schema.ts';
import { TASKS } from '../../../config/tasks.ts';
import { counted } from '../../format.ts';
import { adapterText, batchText } from '../../onnx/session/engine-choice.ts';
import { commandOf } from '../configuration.ts';
import type { Environment } from '../environment.ts';
import type { ReportData } from '../report-data.ts';
import type { StepTimes } from '../trace.ts';
import { type Html, html, NOTHING, table, withCode } from './html.ts';

/** Returns the facts recorded during a run: identifiers, machines, networks, and how long its activities took. */
export function factsSection({ summary, environments, times, tasks }: ReportData): Html {
  const known = [...TASKS, ...Object.keys(summary.tasks)];
  const counts = [...new Set(known)].flatMap((task) => {
    const rois = summary.tasks[task]?.rois;
    if (rois === undefined) return [];
    return [
      `${task}: ${counted(rois.total, 'ROI')}, ${rois.computed} computed, ${rois.cached} from the cache, ${rois.failed} failed`,
    ];
  });
  const interventions = (summary.interventions ?? []).map(({ at, what }) => `${at} ${what}`);
  const machines = environments.map(
    (machine) =>
      [
        machine.role === 'inference' ? 'Machine (inference)' : 'Machine (other activities)',
        machineText(machine),
      ] as const,
  );
  const engines = tasks.flatMap(({ task, engine }) =>
    engine === undefined
      ? []
      : [
          [
            `${task}: ONNX Runtime ${engine.ortVersion}`,
            engine.adapter === undefined ? engine.provider : `${engine.provider} on ${adapterText(engine)}`,
            engine.precision,
            `engine ${engine.engine}`,
            ...(engine.batchSize === undefined ? [] : [batchText(engine.batchSize)]),
            `model ${engine.model.slice(0, 12)}`,
          ].join(', '),
        ],
  );
  const facts: readonly (readonly [string, string])[] = [
    ['Run', summary.run],
    ['Status', summary.status],
    ['Ended (UTC)', summary.ended ?? 'not recorded'],
    ['Configuration digest', summary.digest],
    ['ROIs', counts.join('; ')],
    ['Interventions', interventions.length === 0 ? 'none' : interventions.join('; ')],
    ['Networks', engines.length === 0 ? 'not recorded' : engines.join('; ')],
    ...(machines.length === 0 ? [['Machine', 'not recorded'] as const] : machines),
    ...(times.retries === 0 ? [] : [['Retried activities', String(times.retries)] as const]),
  ];
  const list = facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`);
  return html`<dl class="facts">${list}</dl>${timesTable(times)}`;
}

function machineText({
  reignite,
  node,
  platform,
  processor,
  cores,
  memory,
  onnxRuntime,
  provider,
  precision = 'float32',
}: Environment): string {
  const engine = onnxRuntime === undefined ? '' : `; ONNX Runtime ${onnxRuntime}, ${provider}, ${precision}`;
  return `${platform}, ${processor}, ${counted(cores, 'core')}, ${memory} GiB; reignite ${reignite}, Node.js ${node}${engine}`;
}

function timesTable({ steps }: StepTimes): Html {
  if (steps.length === 0) return NOTHING;
  const seconds = (value: number) => value.toFixed(value < 10 ? 2 : 0);
  const rows = steps.map(({ step, count, total, longest, again }) => [
    step,
    String(count),
    seconds(total),
    seconds(longest),
    String(again),
  ]);
  return table('Time per activity', ['', 'activities', 'total\u00a0s', 'max\u00a0s', 'retries'], rows);
}

/** Returns the command that repeats the run. */
export function rerunCommand({ summary, configuration }: ReportData): string {
  return commandOf(summary.profile, configuration);
}

/** Returns a table of the tolerances of the verdicts with their meanings. */
export function tolerancesSection({ configuration }: ReportData): Html {
  const verdict = configuration?.verdict;
  if (verdict === undefined) return NOTHING;
  const shape = RunConfig.shape.verdict.unwrap().shape;
  const rows = [...toleranceRows('H&E', verdict.he, shape.he), ...toleranceRows('cells', verdict.cells, shape.cells)];
  return html`<details><summary>Tolerances of the verdicts</summary>${table('Tolerances for Dice and F1 must hold over all ROIs together, those for pixels and points also in every ROI', ['', 'value', 'meaning'], rows)}</details>`;
}

/** Returns one row per value, including nested ones, with meanings from the schema. */
function toleranceRows(name: string, values: object, schema: unknown): (string | Html)[][] {
  const fields = schema instanceof z.ZodPrefault ? schema.unwrap() : undefined;
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const field: unknown = fields instanceof z.ZodObject ? fields.shape[key] : undefined;
    if (typeof value === 'object' && value !== null) return toleranceRows(`${name}, ${key}`, value, field);
    const meaning = field instanceof z.ZodType ? field.description : undefined;
    const unit = /Unit: (\S+)\./.exec(meaning ?? '')?.[1];
    const shown = unit === undefined ? String(value) : `${String(value)} ${unit}`;
    return [[`${name}: ${key}`, shown, html`<span class="meaning">${withCode(meaningOf(meaning))}</span>`]];
  });
}

/** Returns the description of a field without what other columns of the table show. */
function meaningOf(description = ''): string {
  return description.replace(/ (Fraction, 0 to 1|Unit: px|Default: [^.]*(\.\d+)?)\.(?= |$)/g, '');
}
