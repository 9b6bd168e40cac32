import { progressTable } from './progress.js';
/** A run as Markdown, for its page in the Temporal UI: how it stands, its stages, who steered it. */
export function runDetails({ stages, toldAt, control, outcomes, end }) {
    const { paused, interventions } = control;
    // The UI's panel has room for one more column: first how fresh a count is, in the end what came of it.
    const column = end?.status === 'done' || end?.status === 'partial'
        ? { title: 'Verdict', textOf: ({ stage }) => outcomes[stage]?.verdict ?? '' }
        : {
            title: 'As of (UTC)',
            textOf: ({ stage }) => (toldAt.get(stage) ?? '').slice(5, 16).replace('T', '\u00a0').replace('-', '\u2011'),
        };
    // The stages of a paused run were told to stop, and say nothing more.
    const shown = stages.map((stage) => (paused && stage.state === 'running' ? { ...stage, state: 'paused' } : stage));
    const isOpen = end === undefined && shown.some(({ state }) => state === 'running');
    return [
        ...headline(paused, end),
        progressTable(shown, [column]),
        ...(isOpen
            ? ['', 'A stage that goes on is counted to the last ROI on its own page of ROIs: see Relationships.']
            : []),
        ...(interventions.length === 0 ? [] : ['', 'Interventions (UTC):', '']),
        ...interventions.map(({ at, what }) => `- ${clock(at)} ${what}`),
    ].join('\n');
}
function headline(paused, end) {
    if (end === undefined)
        return paused ? ['**Paused.** `npx reignite resume` goes on.', ''] : [];
    const { status, failure, results } = end;
    const report = `Report: \`${results}/report/index.html\``;
    if (status === 'done')
        return [`**Done.** ${report}`, ''];
    if (status === 'partial') {
        return [
            `**Done in part: some ROIs failed.** \`npx reignite why\` names them, \`npx reignite retry\` takes them in again. ${report}`,
            '',
        ];
    }
    if (status === 'cancelled')
        return ['**Cancelled.** The same `npx reignite run` goes on from what is there.', ''];
    const { code = '', cause = '', remedy = '' } = failure ?? {};
    return [`**Failed: ${code}.** ${cause} ${remedy}`, ''];
}
function clock(iso) {
    return iso.slice(0, 19).replace('T', ' ');
}
