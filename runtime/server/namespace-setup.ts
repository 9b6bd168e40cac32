import type { Connection } from '@temporalio/client';
import type { SearchAttributeType } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { ReigniteError } from '../../toolkit/errors.ts';

/** Ten years. The default is one day, after which closed runs disappear. */
const RETENTION_HOURS = 87_600;

/** Search attributes by name, e.g. `{ ReproStage: 'KEYWORD' }`. */
export type SearchAttributes = Readonly<Record<string, SearchAttributeType>>;

/** Sets the retention of the namespace to ten years. May be called repeatedly. */
export async function keepHistory(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(`${RETENTION_HOURS} hours`) },
  });
}

/**
 * Registers missing search attributes. May be called repeatedly. Uses the operator service because the server's start
 * flag has no effect on an existing database (CLI 1.9.1).
 *
 * @throws ReigniteError TEMPORAL_START_FAILED when one exists with another type.
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  attributes: SearchAttributes,
): Promise<void> {
  const listed = await connection.operatorService.listSearchAttributes({ namespace });
  const wanted = Object.entries(attributes).map(([name, type]) => [name, indexedValueType(type)] as const);
  const conflict = wanted.find(([name, type]) => (listed.customAttributes?.[name] ?? type) !== type);
  if (conflict !== undefined) {
    throw new ReigniteError(
      'TEMPORAL_START_FAILED',
      `The search attribute ${conflict[0]} of the namespace ${namespace} exists with another type.`,
      { remedy: 'Move temporal/ out of the state directory, or set REIGNITE_HOME to another folder.' },
    );
  }
  const missing = wanted.filter(([name]) => listed.customAttributes?.[name] === undefined);
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(missing) });
}

/** Returns whether a namespace has all of `attributes`; false if the server does not say. */
export async function hasSearchAttributes(
  connection: Connection,
  namespace: string,
  attributes: SearchAttributes,
): Promise<boolean> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return Object.entries(attributes).every(([name, type]) => customAttributes?.[name] === indexedValueType(type));
  } catch {
    return false;
  }
}

function indexedValueType(type: SearchAttributeType): proto.temporal.api.enums.v1.IndexedValueType {
  return proto.temporal.api.enums.v1.IndexedValueType[`INDEXED_VALUE_TYPE_${type}`];
}
