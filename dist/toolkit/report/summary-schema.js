import { z } from 'zod';
import { Summary } from './summary.js';
/** The JSON Schema (2020-12) of summary.json, as docs/summary.schema.json publishes it. */
export function summarySchema() {
    return {
        ...z.toJSONSchema(Summary),
        title: 'summary.json of a reignite run',
        description: 'Which run a results folder belongs to, how it ended, and its verdict a task.',
    };
}
