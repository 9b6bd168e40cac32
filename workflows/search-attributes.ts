import {
  defineSearchAttributeKey,
  type SearchAttributePair,
  SearchAttributeType,
  type TypedSearchAttributes,
} from '@temporalio/common';

/** Where a run is, and which part of it a child is: acquire, he, nuclei, pdl1; a run ends with discrepancies and report, and may be paused. */
const STAGE = defineSearchAttributeKey('ReproStage', SearchAttributeType.KEYWORD);
/** The tasks that a run or a stage is about. */
const TASK = defineSearchAttributeKey('ReproTask', SearchAttributeType.KEYWORD_LIST);
/** The verdicts against the published results, each once. */
const VERDICT = defineSearchAttributeKey('ReproVerdict', SearchAttributeType.KEYWORD_LIST);

/** What the lists of the Temporal UI can be filtered by; registered on the embedded server, by hand on a shared one. */
export const SEARCH_ATTRIBUTES = Object.fromEntries([STAGE, TASK, VERDICT].map(({ name, type }) => [name, type]));

export interface Searchable {
  readonly stage?: string;
  readonly tasks?: readonly string[];
  readonly verdicts?: readonly string[];
}

export function searchPairs({ stage, tasks, verdicts }: Searchable): SearchAttributePair[] {
  return [
    ...(stage === undefined ? [] : [{ key: STAGE, value: stage }]),
    ...(tasks === undefined ? [] : [{ key: TASK, value: [...tasks] }]),
    ...(verdicts === undefined ? [] : [{ key: VERDICT, value: [...new Set(verdicts)].sort() }]),
  ];
}

/** The stage that a workflow is in, as its search attributes say; undefined on a server that lacks them. */
export function stageOf(attributes: TypedSearchAttributes): string | undefined {
  return attributes.get(STAGE);
}

/** As options of a start; nothing on a server that lacks the attributes, which would refuse it. */
export function searchOptions(
  { searchable }: { readonly searchable?: boolean },
  values: Searchable,
): { readonly typedSearchAttributes?: SearchAttributePair[] } {
  return searchable === true ? { typedSearchAttributes: searchPairs(values) } : {};
}
