import { readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { packageFile, temporalVersion } from '../../config/package-files.ts';
import { TASK_TITLES, TASKS } from '../../config/tasks.ts';
import { comparedText, type RecordKind, verdictText } from '../dataset/provenance.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { entryOf, folderOf, RESULTS } from '../results/results-folder.ts';
import { filesBelow } from './manifest.ts';
import { headlineOf } from './page/headline.ts';
import { hrefOf } from './page/html.ts';
import type { ReportData } from './report-data.ts';
import type { RunStatus } from './summary.ts';

const LICENCES = {
  paper: { '@id': 'https://creativecommons.org/licenses/by-nc-sa/4.0/', name: 'CC BY-NC-SA 4.0' },
  synthetic: { '@id': 'https://creativecommons.org/publicdomain/zero/1.0/', name: 'CC0 1.0' },
  other: { '@id': '#record-licence', name: 'The licence of the record' },
} as const satisfies Record<RecordKind, object>;
const CRATE = 'https://w3id.org/ro/crate/1.1';
const WORKFLOW_CRATE = 'https://w3id.org/workflowhub/workflow-ro-crate/1.0';

/**
 * Status of a run in the terms of schema.org. A run with failed ROIs is complete: its results say which are missing.
 *
 * @see https://schema.org/ActionStatusType
 */
const ACTION_STATUS: Readonly<Record<RunStatus, object>> = {
  running: { actionStatus: 'http://schema.org/ActiveActionStatus' },
  done: { actionStatus: 'http://schema.org/CompletedActionStatus' },
  partial: { actionStatus: 'http://schema.org/CompletedActionStatus' },
  failed: { actionStatus: 'http://schema.org/FailedActionStatus', error: 'The run failed.' },
  cancelled: { actionStatus: 'http://schema.org/FailedActionStatus', error: 'The run was cancelled.' },
};

/** The profiles that the crate conforms to. */
const PROFILES = [
  { '@id': 'https://w3id.org/ro/wfrun/process/0.5', name: 'Process Run Crate', version: '0.5' },
  { '@id': 'https://w3id.org/ro/wfrun/workflow/0.5', name: 'Workflow Run Crate', version: '0.5' },
  { '@id': WORKFLOW_CRATE, name: 'Workflow RO-Crate', version: '1.0' },
] as const;

/**
 * Writes ro-crate-metadata.json, which describes the results folder as an RO-Crate 1.1 of the Workflow Run profile: one
 * action, this run of the workflow, created the results from the record. It has no user or host name.
 *
 * @param version - Version of this package.
 */
export async function writeCrate(results: string, data: ReportData, version: string): Promise<void> {
  const workflow = await readFile(packageFile('workflows/reproduce.ts'));
  await writeFileAtomic(RESULTS.workflow.in(results), workflow);
  const files = await describedFiles(results);
  const graph = [
    {
      '@id': RESULTS.crate.path,
      '@type': 'CreativeWork',
      about: { '@id': './' },
      conformsTo: [{ '@id': CRATE }, { '@id': WORKFLOW_CRATE }],
    },
    rootOf(data, files),
    actionOf(data, files),
    ...workflowEntities({ version, temporal: temporalVersion() }, workflow.length),
    { '@id': '#agent', '@type': 'Organization', name: 'The person or group that ran reignite' },
    recordOf(data),
    ...PROFILES.map((profile) => ({ ...profile, '@type': 'CreativeWork' })),
    licenceOf(data),
    ...files.map((file) => ({
      ...file,
      ...parameterOf(file),
      ...(file['@id'] === RESULTS.readme.path ? { about: { '@id': './' } } : {}),
    })),
  ];
  const crate = { '@context': `${CRATE}/context`, '@graph': graph };
  await writeFileAtomic(RESULTS.crate.in(results), `${JSON.stringify(crate, null, 1)}\n`);
}

/** Returns a single reference for one ID and a list for several, as RO-Crate requires. */
function referTo(ids: readonly string[]): object {
  const [first, ...others] = ids.map((id) => ({ '@id': id }));
  return first !== undefined && others.length === 0 ? first : [first, ...others].filter((each) => each !== undefined);
}

/** Writes UTC as an offset, since validators of the profile do not accept Z. */
function moment(iso: string): string {
  return iso.replace(/Z$/, '+00:00');
}

/** Returns the Zenodo URL of the paper's record. Other data get a URN, since their URL is not known. */
function recordId({ summary: { record }, provenance }: ReportData): string {
  if (provenance.kind === 'paper') return `https://zenodo.org/records/${hrefOf(record)}`;
  return `urn:reignite:record:${hrefOf(record)}`;
}

/** Returns the licence of the data, which also applies to what derives from them. */
function licenceOf({ provenance: { kind } }: ReportData): {
  '@id': string;
  '@type': string;
  name: string;
  description: string;
} {
  return {
    ...LICENCES[kind],
    '@type': 'CreativeWork',
    description: 'The licence of the data that the results derive from.',
  };
}

function endOf({ summary }: ReportData): string {
  return moment(summary.ended ?? new Date().toISOString());
}

function rootOf(data: ReportData, files: readonly Described[]): object {
  const { summary, tasks, provenance } = data;
  const verdicts = tasks.map(({ task, verdict }) => `${TASK_TITLES[task]}: ${verdictText(provenance.kind, verdict)}`);
  const named = TASKS.filter((task) => summary.tasks[task] !== undefined).map((task) => TASK_TITLES[task]);
  const { question, answer } = headlineOf(data);
  const ofTasks = named.length === 0 ? '' : ` Tasks: ${named.join(', ')}. ${verdicts.join('; ')}.`;
  return {
    '@id': './',
    '@type': 'Dataset',
    name: `${provenance.kind === 'synthetic' ? 'Run on' : 'Reproduction of'} ${comparedText(provenance, summary.record)}`,
    description: `${question} ${answer}${ofTasks}`,
    datePublished: endOf(data),
    license: { '@id': licenceOf(data)['@id'] },
    author: { '@id': '#agent' },
    publisher: { '@id': '#agent' },
    conformsTo: referTo(PROFILES.map((profile) => profile['@id'])),
    hasPart: referTo([RESULTS.workflow.path, ...files.map((file) => file['@id']), recordId(data)]),
    mainEntity: { '@id': RESULTS.workflow.path },
    mentions: { '@id': '#run' },
  };
}

function actionOf(data: ReportData, files: readonly Described[]): object {
  const { summary, environments, times } = data;
  const machines = environments.map(({ role, platform, processor }) => `${role} on ${platform}, ${processor}`);
  const made = files.filter((file) => file['@id'] !== RESULTS.configuration.path).map((file) => file['@id']);
  const given = files.some((file) => file['@id'] === RESULTS.configuration.path) ? [RESULTS.configuration.path] : [];
  return {
    '@id': '#run',
    '@type': 'CreateAction',
    name: summary.run,
    ...(times.began === undefined ? {} : { startTime: moment(times.began) }),
    ...(summary.status === 'running' ? {} : { endTime: endOf(data) }),
    ...ACTION_STATUS[summary.status],
    agent: { '@id': '#agent' },
    instrument: { '@id': RESULTS.workflow.path },
    object: referTo([recordId(data), ...given]),
    result: referTo(made),
    description:
      `Configuration ${summary.digest}, profile ${summary.profile}. ${[...new Set(machines)].join('; ')}`.trim(),
  };
}

function recordName({ provenance, summary }: ReportData): string {
  const name = comparedText(provenance, summary.record);
  return provenance.kind === 'paper' ? `IGNITE data toolkit, ${name}` : name;
}

function recordOf(data: ReportData): object {
  return {
    '@id': recordId(data),
    '@type': 'Dataset',
    name: recordName(data),
    license: { '@id': licenceOf(data)['@id'] },
    exampleOfWork: { '@id': PARAMETERS.record.id },
  };
}

/** Links a file or folder to the workflow parameter of which it is the value. */
function parameterOf({ '@id': id, '@type': file }: Described): object {
  const parameter =
    id === RESULTS.configuration.path
      ? PARAMETERS.configuration
      : /^(inference|figures|confidence|candidates)\//.test(id)
        ? PARAMETERS.results
        : file === 'File' && /^(metrics|verdict)\/|^summary\.json$/.test(id)
          ? PARAMETERS.verdict
          : undefined;
  return parameter === undefined ? {} : { exampleOfWork: { '@id': parameter.id } };
}

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.zip': 'application/zip',
  '.npy': 'application/octet-stream',
};

/** The workflow is described as a separate entity, and the crate does not describe itself. */
const SEPARATE: ReadonlySet<string> = new Set([RESULTS.workflow.path, RESULTS.crate.path]);

/** A file or folder of a results folder, as described in a crate. */
interface Described {
  readonly '@id': string;
  readonly '@type': 'File' | 'Dataset';
  readonly name: string;
  readonly contentSize?: string;
  readonly encodingFormat?: string;
}

/**
 * Lists the files that reignite wrote to a results folder, in a stable order. Of a folder with a file per ROI, only the
 * folder is listed, and the page of the report.
 */
async function describedFiles(results: string): Promise<readonly Described[]> {
  const written = (await filesBelow(results)).filter((path) => entryOf(path) !== undefined);
  const files = written.filter((path) => folderOf(path) === undefined || path === RESULTS.page.path);
  const folders = new Map(written.flatMap((path) => folderOf(path) ?? []).map(({ path, about }) => [path, about]));
  return [
    ...(await Promise.all(files.filter((path) => !SEPARATE.has(path)).map((path) => describeFile(results, path)))),
    ...[...folders].map(([path, name]): Described => ({ '@id': path, '@type': 'Dataset', name })),
  ];
}

async function describeFile(results: string, path: string): Promise<Described> {
  const { size } = await stat(join(results, path));
  const encodingFormat = TYPES[extname(path)] ?? 'application/octet-stream';
  return {
    '@id': path,
    '@type': 'File',
    name: entryOf(path)?.about ?? path,
    contentSize: String(size),
    encodingFormat,
  };
}

const TYPESCRIPT = 'https://www.typescriptlang.org/';
const TEMPORAL = 'https://temporal.io/';
const WORKFLOW_PROFILE = 'https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE';
const PARAMETER_PROFILE = 'https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE';

/** Inputs and outputs of the workflow, with the IDs of their entities in the crate. */
const PARAMETERS = {
  record: { id: '#parameter-record', name: 'record', type: 'Dataset', about: 'The record whose results are compared' },
  configuration: {
    id: '#parameter-configuration',
    name: 'configuration',
    type: 'File',
    about: 'Configuration of the run and tolerances of the verdicts',
  },
  results: {
    id: '#parameter-results',
    name: 'results',
    type: 'Dataset',
    about: 'Masks, points, confidence maps and figures',
  },
  verdict: { id: '#parameter-verdict', name: 'verdict', type: 'File', about: 'Scores, verdicts and their evidence' },
} as const;

const INPUTS = [PARAMETERS.record, PARAMETERS.configuration];
const OUTPUTS = [PARAMETERS.results, PARAMETERS.verdict];

/**
 * Returns the entities of the workflow, its language and engine, and its parameters.
 *
 * @param versions - Versions of this package and of the Temporal SDK.
 * @param size - Size of the workflow's file in bytes.
 */
function workflowEntities(
  { version, temporal }: { readonly version: string; readonly temporal: string },
  size: number,
): readonly object[] {
  const references = (all: readonly { readonly id: string }[]) => all.map(({ id }) => ({ '@id': id }));
  return [
    {
      '@id': RESULTS.workflow.path,
      '@type': ['File', 'SoftwareSourceCode', 'ComputationalWorkflow'],
      name: 'reproduce',
      description:
        'Downloads the record, runs the tasks in parallel, then writes the discrepancy report and the report.',
      version,
      conformsTo: { '@id': WORKFLOW_PROFILE },
      contentSize: String(size),
      encodingFormat: 'text/typescript',
      license: { '@id': 'https://spdx.org/licenses/Apache-2.0' },
      programmingLanguage: { '@id': '#typescript' },
      runtimePlatform: 'Node.js, Temporal',
      softwareRequirements: [{ '@id': '#reignite' }, { '@id': TEMPORAL }],
      input: references(INPUTS),
      output: references(OUTPUTS),
    },
    {
      '@id': '#typescript',
      '@type': 'ComputerLanguage',
      name: 'TypeScript',
      identifier: { '@id': TYPESCRIPT },
      url: { '@id': TYPESCRIPT },
    },
    {
      '@id': '#reignite',
      '@type': 'SoftwareApplication',
      name: 'reignite',
      softwareVersion: version,
      description:
        'Reproduces the technical validation of the IGNITE data toolkit and compares the result with the published one.',
    },
    {
      '@id': TEMPORAL,
      '@type': 'SoftwareApplication',
      name: 'Temporal TypeScript SDK',
      description: 'The workflow engine that ran the activities.',
      softwareVersion: temporal,
      url: TEMPORAL,
    },
    { '@id': TYPESCRIPT, '@type': 'WebSite', name: 'TypeScript' },
    {
      '@id': 'https://spdx.org/licenses/Apache-2.0',
      '@type': 'CreativeWork',
      name: 'Apache License 2.0',
      description: 'The licence of reignite, which contains the workflow.',
    },
    ...[...INPUTS, ...OUTPUTS].map(({ id, name, type, about }) => ({
      '@id': id,
      '@type': 'FormalParameter',
      name,
      description: about,
      additionalType: type,
      valueRequired: true,
      conformsTo: { '@id': PARAMETER_PROFILE },
    })),
    { '@id': WORKFLOW_PROFILE, '@type': 'CreativeWork', name: 'ComputationalWorkflow profile', version: '1.0-RELEASE' },
    { '@id': PARAMETER_PROFILE, '@type': 'CreativeWork', name: 'FormalParameter profile', version: '1.0-RELEASE' },
  ];
}
