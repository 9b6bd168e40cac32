import { TASK_TITLES } from '../../config/tasks.ts';
import { comparedText, type RecordKind, verdictText } from '../dataset/provenance.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { RESULTS } from '../results/results-folder.ts';
import { rerunCommand } from './page/facts.ts';
import { headlineOf } from './page/headline.ts';
import type { ReportData } from './report-data.ts';

/** Characters that Markdown, or HTML in it, would interpret as markup. */
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const NOT_ON_A_LINE = /[\s\u0000-\u001f]+/g;

/** Escapes text for an HTML element in a Markdown file, so that it contains no tag or entity. */
function inElement(text: string): string {
  return text.replaceAll(/[&<>]/g, (character) => ENTITIES[character] ?? character);
}

/** Escapes text for a line of Markdown, so that it is shown literally and on one line. */
function inMarkdown(text: string): string {
  return inElement(text.replaceAll(NOT_ON_A_LINE, ' ')).replaceAll(/[\\`*_[\]#|!~]/g, (character) => `\\${character}`);
}

const LICENCES: Readonly<Record<RecordKind, string>> = {
  paper: 'The data, and these results as far as they derive from them: CC BY-NC-SA 4.0.',
  synthetic: 'The sample that comes with reignite is in the public domain (CC0 1.0).',
  other: 'The data, and these results as far as they derive from them, are under the licence of that record.',
};

/** Writes README.md of a results folder, with the verdicts and the contents of the folder. */
export async function writeReadme(results: string, data: ReportData): Promise<void> {
  const { question, answer } = headlineOf(data);
  const { provenance } = data;
  const { record, run, ended } = data.summary;
  const verdicts = data.tasks.map(
    ({ task, verdict }) => `- ${TASK_TITLES[task]}: **${verdictText(provenance.kind, verdict)}**`,
  );
  const text = `# ${inMarkdown(question)}

${inMarkdown(answer)}

${verdicts.join('\n')}

Compared: ${inMarkdown(comparedText(provenance, record))}. Run <code>${inMarkdown(run)}</code>${ended === undefined ? '' : `, ended ${ended}`}.

<pre>
${inElement(rerunCommand(data))}
</pre>

| | |
|---|---|
| [report/index.html](report/index.html) | the report: verdicts, scores, figures, every ROI; opens from disk (report.zip: the same as one file) |
| summary.json | how the run ended, and its verdicts |
| metrics/, verdict/ | every score; the evidence for the verdicts, and the discrepancy report |
| inference/, figures/ | masks, points and figures, named as in the record |
| confidence/, candidates/ | the confidence of each pixel; candidates of the detectors with a detection score above 0.25, or above the threshold if that is lower |
| configuration.yaml, environment/, models/, trace.jsonl | configuration, machines, models, and the times of each activity |
| codecheck.yml | what was checked, when, and with what result, for a certificate |
| ro-crate-metadata.json, workflow/ | the folder as a Workflow Run RO-Crate |
| manifest.sha256 | SHA-256 of every file: \`sha256sum -c manifest.sha256\` |

${LICENCES[provenance.kind]}
`;
  await writeFileAtomic(RESULTS.readme.in(results), text);
}
