// Writes docs/summary.schema.json, the published JSON Schema of a run's summary.json: npx tsx scripts/write-summary-schema.ts
import { writeFileSync } from 'node:fs';
import { summarySchema } from '../toolkit/report/summary.ts';

const path = new URL('../docs/summary.schema.json', import.meta.url);
writeFileSync(path, `${JSON.stringify(summarySchema(), null, 2)}\n`);
