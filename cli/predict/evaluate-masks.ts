import { resolve } from 'node:path';
import { readLabelMap } from '../../toolkit/dataset/label-map.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { type EvaluatedMasks, evaluateMasks } from '../../toolkit/evaluate/evaluate-masks.ts';
import { counted } from '../../toolkit/format.ts';
import { EXIT, printable, printResult, printStep } from '../output.ts';

export interface EvaluateMasksOptions {
  readonly masks: string;
  readonly predictions: string;
  readonly out: string;
  readonly labels?: string;
  readonly ignore?: number;
  readonly json?: boolean;
}

/** `reignite evaluate --masks`: Dice of masks with any labels. */
export async function evaluateMasksCommand(options: EvaluateMasksOptions): Promise<number> {
  const { masks, predictions, out, labels, ignore, json } = options;
  if (ignore !== undefined && !(Number.isInteger(ignore) && ignore >= 0 && ignore <= 255)) {
    throw new ReigniteError('USAGE', `Expected --ignore from 0 to 255, got ${ignore}.`);
  }
  const { metrics, remarks } = await evaluateMasks({
    truth: resolve(masks),
    predictions: resolve(predictions),
    out: resolve(out),
    ...(labels !== undefined && { labels: await readLabelMap(resolve(labels)) }),
    ...(ignore !== undefined && { ignore }),
  });
  for (const remark of remarks) printStep(printable(remark));
  printResult(json ? JSON.stringify(metrics, null, 1) : tableOf(metrics).map(printable).join('\n'));
  printStep(`${counted(metrics.images, 'mask')} evaluated; metrics are in ${resolve(out)}.`);
  return EXIT.done;
}

function tableOf({ labels, meanDice }: EvaluatedMasks['metrics']): string[] {
  const width = Math.max(...labels.map(({ name }) => name.length), 'Mean without 0'.length);
  return [
    `  ${''.padEnd(width)}  Dice    mean over images  images`,
    `  ${'Mean without 0'.padEnd(width)}  ${number(meanDice)}`,
    ...labels.map(
      ({ name, dice, meanOverImages, images }) =>
        `  ${name.padEnd(width)}  ${number(dice)}  ${number(meanOverImages).padEnd(16)}  ${images}`,
    ),
  ];
}

function number(value: number | null): string {
  return value === null ? 'absent' : value.toFixed(4);
}
