import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { markdownTable } from './markdown-table.ts';

/** Writes the reference of a results folder: every file, its content and the source file that writes it. */
export function outputsReference(): string {
  const files = Object.values(RESULTS).map(({ path, about, writer }) => [`\`${path}\``, about, `\`${writer}\``]);
  return [
    '# Outputs',
    'A run writes a results folder: `results/PROFILE`, or the folder that `--results DIR` names. `evaluate` writes the files of `metrics/` and `figures/` in the same way. What `predict` writes is described in [predict](predict.md).',
    '`<task>` is `he`, `nuclei` or `pdl1`, `<roi>` the name of the ROI, and `<folder>` the folder of the task in the record: `he`, `pdl1/nuclei`, `pdl1/pdl1`.',
    markdownTable(['File', 'Content', 'Written by'], files),
    'A file is written under a temporary name and renamed, so that other programs see either the old or the new file. `manifest.sha256` is written last; `npx reignite verify` compares it with the folder. `summary.json` has a [JSON Schema](summary.schema.json).',
  ].join('\n\n');
}
