import { argmaxAndMargin } from './argmax-margin.ts';
import { largestLogit, lastRegion } from './logit-decision.ts';
import type { Decision } from './model-method.ts';

/** The value of every pixel of a row and how clear it was, see the functions of each kind of decision. */
export type DecideRow = (
  total: Float32Array,
  folds: number,
  labels: Uint8Array,
  margins: Uint16Array,
) => /** Whether every output is a number. */ boolean;

/** @param outputs - Outputs of the networks a pixel. */
export function rowDecider(decision: Decision, outputs: number): DecideRow {
  switch (decision.kind) {
    case 'softmax':
      return (total, folds, labels, margins) => argmaxAndMargin(total, outputs, folds, labels, margins);
    case 'logits':
      return (total, folds, labels, margins) => largestLogit(total, outputs, folds, labels, margins);
    case 'regions':
      return (total, folds, labels, margins) => lastRegion(total, decision.values, folds, labels, margins);
  }
}
