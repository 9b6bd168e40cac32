import { join } from 'node:path';
import { TASK_TITLES } from '../../config/tasks.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { rerunCommand } from './page/facts.js';
import { headlineOf } from './page/headline.js';
/** For whoever finds a results folder and knows nothing of it. */
export const README = 'README.md';
/** Writes what a results folder is, what it says, and what lies where in it. */
export async function writeReadme(results, data) {
    const { answer } = headlineOf(data);
    const { record, run, ended } = data.summary;
    const verdicts = data.tasks.map(({ task, verdict }) => `- ${TASK_TITLES[task]}: **${verdict}**`);
    const text = `# Does Zenodo record ${record} reproduce? ${answer}

${verdicts.join('\n')}

The technical validation of the IGNITE data toolkit, run again${ended === undefined ? '' : ` (ended ${ended})`}: run \`${run}\`.

    ${rerunCommand(data).replaceAll('\n', '\n    ')}

| | |
|---|---|
| [report/index.html](report/index.html) | the report: verdicts, numbers, figures, every region; opens from disk (report.zip: the same as one file) |
| summary.json | how the run ended, and its verdicts |
| metrics/, verdict/ | every score; the verdicts with their evidence, and the discrepancy ledger |
| inference/, figures/ | masks, points and figures, named as in the record |
| margins/, candidates/ | how clear every pixel's decision was; what the detectors found, with scores |
| configuration.yaml, environment/, models/, trace.jsonl | what was run, on what, with which models, and when each step worked |
| ro-crate-metadata.json, workflow/ | the folder as a Workflow Run RO-Crate |
| manifest.sha256 | digests of every file: \`sha256sum -c manifest.sha256\` |

The data, and these results as far as they derive from them: CC BY-NC-SA 4.0.
`;
    await writeFileAtomic(join(results, README), text);
}
