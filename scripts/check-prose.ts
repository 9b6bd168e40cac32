// Lists phrases that this project avoids, in documentation and code: npx tsx scripts/check-prose.ts [FILE...]
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { codeProse, findMarks, MARKS } from './prose.ts';

const named = process.argv.slice(2);
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
}).split('\n');
const files = (named.length === 0 ? tracked : named).filter(
  (path) => /\.(?:ts|js|md|yaml)$/.test(path) && !/^CHANGELOG|^tests\/fixtures|^scripts\/prose\.ts/.test(path),
);
const counts = new Map(MARKS.map(({ name }) => [name, { documentation: 0, code: 0 }]));
for (const path of files) {
  const source = readFileSync(path, 'utf8');
  const isCode = /\.(?:ts|js)$/.test(path);
  for (const { line, mark, words } of findMarks(isCode ? codeProse(source) : source)) {
    process.stdout.write(`${path}:${line}: "${words}": ${mark.instead}\n`);
    const count = counts.get(mark.name);
    if (count !== undefined) count[isCode ? 'code' : 'documentation'] += 1;
  }
}
console.table(Object.fromEntries(counts));
