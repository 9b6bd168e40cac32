// Scores a folder of label masks (PNG, one label per pixel) against the ground truth masks of the same names.
// Usage: npx tsx score-masks.ts PREDICTIONS GROUND_TRUTH NUMBER_OF_LABELS
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfusionMatrix, countConfusion, decodeLabels, dicePerLabel, microDice } from 'reignite/metrics';

const [predictions = '', groundTruth = '', labels = '17'] = process.argv.slice(2);
const size = Number(labels);
const confusions: ConfusionMatrix[] = [];
for (const name of (await readdir(predictions)).filter((each) => each.endsWith('.png')).sort()) {
  const truth = await decodeLabels(join(groundTruth, name));
  const prediction = await decodeLabels(join(predictions, name));
  const confusion = countConfusion(truth.data, prediction.data, size);
  console.log(`${name} ${microDice(confusion).toFixed(4)}`);
  confusions.push(confusion);
}

const all = ConfusionMatrix.sumOf(size, confusions);
console.log(`all labels ${microDice(all).toFixed(4)}`);
for (const [label, dice] of dicePerLabel(all).entries()) {
  const isPresent = all.rowSum(label) + all.columnSum(label) > 0;
  console.log(`label ${label} ${isPresent ? dice.toFixed(4) : 'in no mask'}`);
}
