import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TraceLine } from './trace.js';
/** Sums up trace.jsonl, the kind that took longest first; empty where there is no trace yet. */
export async function readStepTimes(results) {
    const text = await readFile(join(results, 'trace.jsonl'), 'utf8').catch(() => '');
    const kinds = new Map();
    let began;
    for (const line of text.split('\n')) {
        if (line === '')
            continue;
        const { step, runSeconds, attempts, scheduled } = TraceLine.parse(JSON.parse(line));
        if (scheduled !== null && (began === undefined || scheduled < began))
            began = scheduled;
        const kind = kinds.get(step) ?? { count: 0, total: 0, longest: 0, again: 0 };
        kind.count++;
        kind.total += runSeconds ?? 0;
        kind.longest = Math.max(kind.longest, runSeconds ?? 0);
        if (attempts > 1)
            kind.again++;
        kinds.set(step, kind);
    }
    const steps = [...kinds].map(([step, kind]) => ({ step, ...kind })).sort((a, b) => b.total - a.total);
    return { steps, began, retries: steps.reduce((sum, { again }) => sum + again, 0) };
}
