// Writes the generated pages of docs/: npx tsx scripts/write-references.ts
import { writeFileSync } from 'node:fs';
import { REFERENCES } from './references.ts';

for (const [name, write] of Object.entries(REFERENCES)) {
  writeFileSync(new URL(`../docs/${name}`, import.meta.url), write());
}
