import { RunConfig } from '../../../config/schema.js';
import { commandOf } from '../configuration.js';
import { escapeHtml, table } from './html.js';
/** What a run was done with and on, as it was written down while it went on, and how long its steps took. */
export function factsSection({ summary, environments, times, tasks }) {
    const counts = Object.entries(summary.tasks).map(([task, { rois }]) => `${task}: ${rois.total} ROIs, ${rois.computed} computed, ${rois.cached} from the cache, ${rois.failed} failed`);
    const interventions = (summary.interventions ?? []).map(({ at, what }) => `${at} ${what}`);
    const machines = environments.map((machine) => [machine.role === 'inference' ? 'Inference on' : 'Run by', machineText(machine)]);
    const engines = tasks.flatMap(({ task, engine }) => engine === undefined
        ? []
        : [
            `${task}: ONNX Runtime ${engine.ortVersion}, ${engine.provider}, ${engine.precision}, model ${engine.model.slice(0, 12)}`,
        ]);
    const facts = [
        ['Run', summary.run],
        ['Status', summary.status],
        ['Ended', summary.ended ?? 'not recorded'],
        ['Configuration digest', summary.digest],
        ['ROIs', counts.join('; ')],
        ['Interventions', interventions.length === 0 ? 'none' : interventions.join('; ')],
        ['Networks', engines.length === 0 ? 'not recorded' : engines.join('; ')],
        ...(machines.length === 0 ? [['Machine', 'not recorded']] : machines),
        ...(times.retries === 0 ? [] : [['Steps tried again', String(times.retries)]]),
    ];
    const list = facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
    return `<dl class="facts">${list.join('')}</dl>${timesTable(times)}`;
}
function machineText({ reignite, node, platform, processor, cores, memory, onnxRuntime, provider, }) {
    const engine = onnxRuntime === undefined ? '' : `; ONNX Runtime ${onnxRuntime}, ${provider}, float32`;
    return `${platform}, ${processor}, ${cores} cores, ${memory} GiB; reignite ${reignite}, Node.js ${node}${engine}`;
}
function timesTable({ steps }) {
    if (steps.length === 0)
        return '';
    const seconds = (value) => value.toFixed(value < 10 ? 2 : 0);
    const rows = steps.map(({ step, count, total, longest, again }) => [
        escapeHtml(step),
        String(count),
        seconds(total),
        seconds(longest),
        String(again),
    ]);
    return table('Time a step', ['', 'steps', 'seconds together', 'the longest', 'tried again'], rows);
}
/** How to do the run again, as a person types it. */
export function rerunCommand({ summary, configuration }) {
    return commandOf(summary.profile, configuration);
}
/** The tolerances that the verdicts rest on, with what each means. */
export function tolerancesSection({ configuration }) {
    const verdict = configuration?.verdict;
    if (verdict === undefined)
        return '';
    const shape = RunConfig.shape.verdict.unwrap().shape;
    const rows = [
        ['H&E', verdict.he, shape.he.unwrap().shape],
        ['cells', verdict.cells, shape.cells.unwrap().shape],
    ].flatMap(([where, values, fields]) => {
        const described = new Map(Object.entries(fields).map(([name, field]) => [name, field.description ?? '']));
        return Object.entries(values).map(([name, value]) => [
            `${where}: ${name}`,
            String(value),
            `<span class="meaning">${escapeHtml((described.get(name) ?? '').replace(/ (Share, 0 to 1|Unit: px|Default: [^.]*(\.\d+)?)\.(?= |$)/g, ''))}</span>`,
        ]);
    });
    return `<details><summary>What the verdicts rest on</summary>${table('Tolerances; all of them must hold, in every ROI and over all', ['', 'value', 'meaning'], rows)}</details>`;
}
