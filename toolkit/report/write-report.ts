import { createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'yaml';
import { ZipFile } from 'yazl';
import { TASK_TITLES } from '../../config/tasks.ts';
import { VerdictConfig } from '../../config/verdict-config.ts';
import { comparedText, type RecordKind, verdictText } from '../dataset/provenance.ts';
import { replaceFile, writeFileAtomic } from '../files/atomic-write.ts';
import { fileExists, unlessMissing } from '../files/file-access.ts';
import { RESULTS, reportFolder } from '../results/results-folder.ts';
import { taskNamed } from '../tasks/task-named.ts';
import { type DrawnRoi, drawLayers, MAX_VIEWED, type RoiLayers, readLayersFile } from './layers/draw-layers.ts';
import { writeManifest } from './manifest.ts';
import { headlineOf } from './page/headline.ts';
import { rerunCommand } from './page/sections.ts';
import { type JudgedTask, type ReportData, readReportData } from './report-data.ts';
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

interface LayersOptions {
  /** Distance in px above which points of the same class differ, as in the verdict. */
  readonly maxDistance: number;
  /** Called after every ROI. */
  readonly onRoi: () => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Draws the layers of the report's viewer into report/assets, within the size limit of a report. Layers that were drawn
 * before from the same sources are kept.
 *
 * @param data - Absolute data folder. Without it, the existing layers are returned.
 * @returns The layers of every ROI that has any.
 */
async function writeLayers(
  results: string,
  data: string | undefined,
  tasks: readonly JudgedTask[],
  { maxDistance, signal, onRoi }: LayersOptions,
): Promise<readonly RoiLayers[]> {
  const known = await readLayersFile(results);
  if (data === undefined) return known;
  const drawn = (await Promise.all(tasks.map((task) => roisOf(results, data, task, maxDistance)))).flat();
  const wanted = mostDifferent(drawn, tasks);
  return drawLayers(results, wanted, { known, signal, onRoi });
}

/** Returns all ROIs, or if there are too many, those whose predictions differ most, in their order. */
function mostDifferent(drawn: readonly DrawnRoi[], tasks: readonly JudgedTask[]): readonly DrawnRoi[] {
  if (drawn.length <= MAX_VIEWED) return drawn;
  const differences = new Map(
    tasks.flatMap(({ task, rois }) => rois.map(({ roi, difference }) => [`${task}/${roi}`, difference ?? -1] as const)),
  );
  const differenceOf = ({ task, roi }: DrawnRoi) => differences.get(`${task}/${roi}`) ?? -1;
  const chosen = new Set([...drawn].sort((a, b) => differenceOf(b) - differenceOf(a)).slice(0, MAX_VIEWED));
  return drawn.filter((each) => chosen.has(each));
}

async function roisOf(results: string, data: string, judged: JudgedTask, maxDistance: number): Promise<DrawnRoi[]> {
  const all = (await unlessMissing(taskNamed(judged.task).layers({ results, data }, maxDistance))) ?? [];
  const named = new Set(judged.rois.map(({ roi }) => roi));
  return all.filter(({ roi }) => named.has(roi));
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

const HEAD = `# What was checked, when, and with what result, in the form of a CODECHECK configuration file. Put your name into
# the field codechecker, and the address at which you publish this folder into the field report.
`;

/**
 * Writes codecheck.yml, which says what was checked, when, and with which result, for a certificate of the
 * reproduction. It names no user: the person who publishes the results adds a name.
 *
 * @param version - Version of this package.
 * @see https://codecheck.org.uk/spec/config/1.0/
 */
async function writeCertificate(results: string, data: ReportData, version: string): Promise<void> {
  const { summary, provenance, environments } = data;
  const { answer, sentence } = headlineOf(data);
  const certificate = {
    version: 'https://codecheck.org.uk/spec/config/1.0/',
    paper: paperOf(data),
    manifest: await manifestOf(results, data),
    codechecker: [{ name: 'The person or group that ran reignite' }],
    summary: `${answer} ${sentence}`.trim(),
    ...(summary.ended === undefined ? {} : { check_time: summary.ended }),
    report: RESULTS.page.path,
    // Not in the specification, which allows additional fields.
    reignite: {
      version: environments[0]?.reignite ?? version,
      run: summary.run,
      configuration: summary.digest,
      record: comparedText(provenance, summary.record),
      status: summary.status,
      results: data.tasks.map((task) => resultOf(task, data)),
      checksums: RESULTS.manifest.path,
    },
  };
  await writeFileAtomic(RESULTS.certificate.in(results), `---\n${HEAD}${stringify(certificate, { lineWidth: 120 })}`);
}

/** Returns the paper of the certificate. Only a run on the paper's record names one. */
function paperOf({ provenance, summary }: ReportData): object {
  return provenance.kind === 'paper'
    ? {
        title: 'The IGNITE data toolkit',
        authors: [{ name: 'The authors of the IGNITE data toolkit' }],
        reference: 'https://arxiv.org/abs/2507.16855',
      }
    : { title: `None; compared: ${comparedText(provenance, summary.record)}` };
}

/** Lists the files on which the result is based. */
async function manifestOf(results: string, { tasks, provenance }: ReportData): Promise<object[]> {
  const files = tasks.flatMap(({ task, verdict }) => [
    {
      file: RESULTS.verdict.named(task),
      comment: `${TASK_TITLES[task]}: ${verdictText(provenance.kind, verdict)}, with the evidence`,
    },
    { file: RESULTS.metrics.named(task), comment: `${TASK_TITLES[task]}: scores of the reproduced predictions` },
  ]);
  const others = [RESULTS.discrepancies, RESULTS.acquisition].map(({ path, about }) => ({
    file: path,
    comment: about,
  }));
  const listed = [];
  for (const entry of [...files, ...others]) {
    if (await fileExists(`${results}/${entry.file}`)) listed.push(entry);
  }
  return listed;
}

function resultOf(
  { task, verdict, evaluation, inference, rois }: JudgedTask,
  { summary, provenance }: ReportData,
): object {
  return {
    task,
    verdict: verdictText(provenance.kind, verdict),
    rois: rois.length,
    failed: summary.tasks[task]?.rois.failed ?? 0,
    scores: { verdict: evaluation.verdict, reason: evaluation.reason },
    predictions: { verdict: inference.verdict, reason: inference.reason },
  };
}
