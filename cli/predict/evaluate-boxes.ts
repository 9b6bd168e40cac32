import { basename, resolve } from 'node:path';
import { packageVersion } from '../../config/package-files.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { boxesPage, writeBoxesPage } from '../../toolkit/evaluate/boxes-page.ts';
import { type EvaluatedBoxes, evaluateBoxes } from '../../toolkit/evaluate/evaluate-boxes.ts';
import { counted } from '../../toolkit/format.ts';
import { EXIT, printable, printResult, printStep } from '../output.ts';
import { tellPage } from './tell-page.ts';

export interface EvaluateBoxesOptions {
  readonly boxes: string;
  readonly predictions: string;
  readonly out: string;
  readonly maxBoxes?: number;
  readonly json?: boolean;
}

const MAX_BOXES = 1_000_000;
const NAME_WIDTH = 28;

/** `reignite evaluate --boxes`: average precision of boxes as COCO defines it. */
export async function evaluateBoxesCommand(options: EvaluateBoxesOptions): Promise<number> {
  const { boxes, predictions, out, maxBoxes, json } = options;
  if (maxBoxes !== undefined && !(Number.isInteger(maxBoxes) && maxBoxes >= 1 && maxBoxes <= MAX_BOXES)) {
    throw new ReigniteError('USAGE', `Expected --max-boxes from 1 to ${MAX_BOXES}, got ${maxBoxes}.`);
  }
  const evaluated = await evaluateBoxes({
    truth: resolve(boxes),
    predictions: resolve(predictions),
    out: resolve(out),
    ...(maxBoxes !== undefined && { limit: maxBoxes }),
  });
  for (const remark of evaluated.remarks) printStep(printable(remark));
  printResult(json ? JSON.stringify(evaluated.metrics, null, 1) : tableOf(evaluated.metrics).map(printable).join('\n'));
  const names = { predictions: basename(predictions), truth: basename(boxes) };
  printStep(`${counted(evaluated.images, 'image')} evaluated; metrics are in ${resolve(out)}.`);
  const write = () => writeBoxesPage(resolve(out), evaluated, names, packageVersion());
  await tellPage({ path: boxesPage(resolve(out)), write });
  return EXIT.done;
}

function tableOf({ map50, map5095, classes }: EvaluatedBoxes['metrics']): string[] {
  const row = (name: string, ap50: number | null, ap5095: number | null, objects: number) =>
    `  ${name.padEnd(NAME_WIDTH)} ${number(ap50)}  ${number(ap5095)}  ${String(objects).padStart(7)}`;
  const objects = classes.reduce((sum, each) => sum + each.objects, 0);
  return [
    `  ${''.padEnd(NAME_WIDTH)} mAP50   mAP50-95  objects`,
    row('All classes', map50, map5095, objects),
    ...classes.map(({ name, ap50, ap5095, objects: of }) => row(name, ap50, ap5095, of)),
  ];
}

function number(value: number | null): string {
  return value === null ? 'absent' : value.toFixed(4);
}
