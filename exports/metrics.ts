/**
 * Computes the metrics of the paper: confusion and Dice of label masks, matching and F1 of points.
 *
 * @example
 * import { countConfusion, decodeLabels, dicePerLabel } from 'reignite/metrics';
 * const truth = await decodeLabels('annotations/he/roi.png');
 * const prediction = await decodeLabels('inference/he/roi.png');
 * console.log(dicePerLabel(countConfusion(truth.data, prediction.data)));
 *
 * @module
 */
export { decodeLabels, type LabelImage } from '../toolkit/image/decode-labels.ts';
export {
  type AgreementScores,
  agreementOfPair,
  agreementScores,
  type PairAgreement,
  type PairImage,
} from '../toolkit/metrics/agreement.ts';
export { ConfusionMatrix } from '../toolkit/metrics/confusion-matrix.ts';
export { dicePerLabel, microDice } from '../toolkit/metrics/dice.ts';
export { countConfusion, type HeMetrics, heMetrics } from '../toolkit/metrics/he-metrics.ts';
export type { MatchOptions, TieOrder } from '../toolkit/metrics/match-points.ts';
