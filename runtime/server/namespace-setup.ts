import type { Connection } from '@temporalio/client';
import type { SearchAttributeType } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { ReigniteError } from '../../toolkit/errors.ts';

/** Ten years. The default is a day, after which closed runs vanish. */
const RETENTION_HOURS = 87_600;

/** Search attributes by name, e.g. `{ ReproStage: 'KEYWORD' }`. */
export type SearchAttributes = Readonly<Record<string, SearchAttributeType>>;

/** Keeps the namespace's closed runs for ten years. May be called again. */
export async function keepHistory(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(`${RETENTION_HOURS} hours`) },
  });
}

/**
 * Registers the search attributes that the namespace lacks. May be called again. The server's own start flag does
 * nothing on a database that exists already (CLI 1.9.1), hence the operator service.
 *
 * @throws ReigniteError TEMPORAL_START_FAILED when one is there with another type.
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
      { remedy: 'Use a separate namespace for reignite.' },
    );
  }
  const missing = wanted.filter(([name]) => listed.customAttributes?.[name] === undefined);
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(missing) });
}

/** Whether a namespace knows all of `attributes`; a server that does not say so counts as one that does not. */
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
