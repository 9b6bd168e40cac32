import { stringify } from 'yaml';
import { TASK_TITLES } from '../../config/tasks.ts';
import { comparedText, verdictText } from '../dataset/provenance.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { fileExists } from '../files/file-access.ts';
import { RESULTS } from '../results/results-folder.ts';
import { headlineOf } from './page/headline.ts';
import type { JudgedTask, ReportData } from './report-data.ts';

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
export async function writeCertificate(results: string, data: ReportData, version: string): Promise<void> {
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
