import {
  defineSearchAttributeKey,
  type SearchAttributePair,
  SearchAttributeType,
  type TypedSearchAttributes,
} from '@temporalio/common';

/**
 * The current stage of a run, or the stage that a child belongs to: acquire, he, nuclei, pdl1, discrepancies, report,
 * paused.
 */
const STAGE = defineSearchAttributeKey('ReproStage', SearchAttributeType.KEYWORD);
/** The tasks of a run or a stage. */
const TASK = defineSearchAttributeKey('ReproTask', SearchAttributeType.KEYWORD_LIST);
/** The distinct verdicts against the published results. */
const VERDICT = defineSearchAttributeKey('ReproVerdict', SearchAttributeType.KEYWORD_LIST);

/** Attributes to filter lists in the Temporal UI; registered on the embedded server, by hand on a shared one. */
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

/** Returns the stage in a workflow's search attributes; undefined on a server without these attributes. */
export function stageOf(attributes: TypedSearchAttributes): string | undefined {
  return attributes.get(STAGE);
}

/** Returns search attributes as start options; none on a server without these attributes, which would reject them. */
export function searchOptions(
  { searchable }: { readonly searchable?: boolean },
  values: Searchable,
): { readonly typedSearchAttributes?: SearchAttributePair[] } {
  return searchable === true ? { typedSearchAttributes: searchPairs(values) } : {};
}
