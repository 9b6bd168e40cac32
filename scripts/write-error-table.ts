// Writes the table of errors between its two markers in ARCHITECTURE.md: npx tsx scripts/write-error-table.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { errorTable } from '../toolkit/error-table.ts';

const PLACE = /(?<=<!-- errors -->\n)[\s\S]*?(?=<!-- end of errors -->)/;
const path = new URL('../ARCHITECTURE.md', import.meta.url);
const text = readFileSync(path, 'utf8');
if (!PLACE.test(text)) throw new Error('ARCHITECTURE.md has lost the markers of the table of errors.');
writeFileSync(
  path,
  text.replace(PLACE, () => `${errorTable()}\n`),
);
