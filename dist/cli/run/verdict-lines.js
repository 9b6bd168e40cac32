import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TASK_TITLES, TASKS } from '../../config/tasks.js';
import { EvaluationVerdict } from '../../toolkit/verdict/verdict-file.js';
const Reasons = z.object({ evaluation: EvaluationVerdict, inference: EvaluationVerdict });
const TITLE_WIDTH = 26;
const WORST_SHOWN = 3;
/** What a run found out, a verdict a task with its reasons: the last thing that a person reads. */
export async function verdictLines({ tasks }, results) {
    const sections = await Promise.all(TASKS.map(async (task) => {
        const summary = tasks[task];
        return summary === undefined ? [] : linesOf(task, summary, results);
    }));
    return ['Verdict', ...sections.flat()];
}
async function linesOf(task, { verdict, worst }, results) {
    const text = await readFile(join(results, 'verdict', `${task}.json`), 'utf8');
    const { evaluation, inference } = Reasons.parse(JSON.parse(text));
    const named = worst.slice(0, WORST_SHOWN).map(({ roi, difference }) => `${roi} (${percent(difference)})`);
    return [
        `  ${TASK_TITLES[task].padEnd(TITLE_WIDTH)} ${verdict}`,
        `    published predictions scored here: ${evaluation.verdict}. ${evaluation.reason}`,
        `    our predictions beside them: ${inference.verdict}. ${inference.reason}`,
        ...(named.length === 0 ? [] : [`    differ most: ${named.join(', ')}`]),
    ];
}
function percent(share) {
    return `${(100 * share).toPrecision(2)} %`;
}
