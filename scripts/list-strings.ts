// Lists all sentences for users (help, errors, progress, report) by file and line, for reading before a release: npx
// tsx scripts/list-strings.ts [FOLDER...]
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { codeStrings } from './prose.ts';

const folders = process.argv.slice(2);
const SHOWN = ['cli', 'runtime', 'workflows', 'activities', 'toolkit', 'config', 'client.ts', 'worker.ts'];
const listed = execFileSync('git', ['ls-files', '--', ...(folders.length === 0 ? SHOWN : folders)], {
  encoding: 'utf8',
});
/** Module paths, CSS, SQL and the like are not sentences. */
const isSentence = (text: string) => /[A-Za-z]{2,} [A-Za-z]{2,}/.test(text) && !/^\s*[<{(]/.test(text);

for (const path of listed.split('\n').filter((name) => name.endsWith('.ts'))) {
  const found = codeStrings(readFileSync(path, 'utf8')).filter(({ text }) => isSentence(text));
  if (found.length > 0) console.log(`== ${path}`);
  for (const { line, text } of found) console.log(`${line}: ${text.replaceAll('\n', ' ')}`);
}
