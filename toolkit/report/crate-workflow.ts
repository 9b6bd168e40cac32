import { RESULTS } from '../results/results-folder.ts';

const TYPESCRIPT = 'https://www.typescriptlang.org/';
const TEMPORAL = 'https://temporal.io/';
const WORKFLOW_PROFILE = 'https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE';
const PARAMETER_PROFILE = 'https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE';

/** Inputs and outputs of the workflow, with the IDs of their entities in the crate. */
export const PARAMETERS = {
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
export function workflowEntities(
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
