import { createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { TASK_TITLES } from '../../config/tasks.ts';
import { VerdictConfig } from '../../config/verdict-config.ts';
import { comparedText, type RecordKind, verdictText } from '../dataset/provenance.ts';
import { replaceFile, writeFileAtomic } from '../files/atomic-write.ts';
import { RESULTS, reportFolder } from '../results/results-folder.ts';
import { writeCertificate } from './certificate.ts';
import { writeLayers } from './layers/draw-layers.ts';
import { writeManifest } from './manifest.ts';
import { rerunCommand } from './page/facts.ts';
import { headlineOf } from './page/headline.ts';
import { type ReportData, readReportData } from './report-data.ts';
import { writeCrate } from './write-crate.ts';
import { writePage } from './write-page.ts';

export interface WrittenReport {
  /** Number of files in the manifest. */
  readonly files: number;
}

export interface ReportOptions {
  /** Version of this package. */
  readonly version: string;
  /** Absolute data folder of the run. Without it, existing layers of the viewer are kept. */
  readonly data?: string | undefined;
  /** Called after every ROI whose layers are drawn. */
  readonly onRoi?: () => void;
  readonly signal?: AbortSignal;
}

/**
 * Completes a results folder: writes the report and its zip, the README, the certificate, the crate, and finally the
 * manifest of all files.
 *
 * @throws ReigniteError FILE_MISSING when the folder contains no results.
 */
export async function writeReport(results: string, options: ReportOptions): Promise<WrittenReport> {
  const { version, data: folder, onRoi = () => undefined, signal } = options;
  const data = await readReportData(results);
  const { maxDistance } = (data.configuration?.verdict ?? VerdictConfig.parse({})).cells.tolerance;
  const layers = await writeLayers(results, folder, data.tasks, { maxDistance, signal, onRoi });
  await writePage(results, data, layers, version);
  await zipReport(results, new Date(data.summary.ended ?? 0));
  await writeReadme(results, data);
  await writeCertificate(results, data, version);
  await writeCrate(results, data, version);
  return { files: await writeManifest(results, signal) };
}

/** Files that {@link writeReport} writes, besides the folder report/. */
const WRITTEN: ReadonlySet<string> = new Set(
  [RESULTS.reportZip, RESULTS.readme, RESULTS.certificate, RESULTS.workflow, RESULTS.crate].map(({ path }) => path),
);

/** Returns whether {@link writeReport} writes a file. @param path - Relative to the results folder, with `/`. */
export function isWrittenByReport(path: string): boolean {
  return path.startsWith('report/') || WRITTEN.has(path);
}

/** Formats that are already compressed. */
const COMPRESSED = new Set(['.webp', '.png']);

/**
 * Writes report.zip, which contains the folder report/.
 *
 * @param time - Time of every entry, so that the same report gives the same zip.
 */
async function zipReport(results: string, time: Date): Promise<void> {
  const zip = new ZipFile();
  const entries = await readdir(reportFolder(results), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) {
    const name = file.slice(results.length + 1).replaceAll('\\', '/');
    zip.addFile(file, name, { mtime: time, mode: 0o100644, compress: !COMPRESSED.has(extname(file)) });
  }
  zip.end();
  await replaceFile(RESULTS.reportZip.in(results), (temporary) =>
    pipeline(zip.outputStream, createWriteStream(temporary, { flags: 'wx' })),
  );
}

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
async function writeReadme(results: string, data: ReportData): Promise<void> {
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
| [report/index.html](report/index.html) | the report: verdicts, scores, figures, every ROI; opens from disk (report.zip: the same in one file) |
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
