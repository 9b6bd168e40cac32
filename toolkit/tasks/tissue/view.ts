import type { TissueTask } from '../../../config/tasks.ts';
import { folderOf, publishedMaskIn } from '../../dataset/layout.ts';
import { ReigniteError } from '../../errors.ts';
import { inside } from '../../files/folders.ts';
import { grouped } from '../../format.ts';
import { HeMetrics, type PresentDice, presentDice } from '../../metrics/he-metrics.ts';
import { describeFolds } from '../../nnunet/convert/model-folds.ts';
import type { DrawnRoi } from '../../report/layers/draw-layers.ts';
import { drawTissueLayers } from '../../report/layers/tissue-layers.ts';
import { decimal } from '../../report/page/html.ts';
import type { CellsVerdictFile, HeVerdictFile } from '../../verdict/verdict-file.ts';
import type { DetailTable, MethodsInput, ScoreGroup, VerdictView } from '../kind.ts';
import { type ListedRoi, tileOf, type UsedModel } from '../work.ts';

/** Returns what a report shows of a verdict on masks. */
export function tissueView(verdict: HeVerdictFile | CellsVerdictFile): VerdictView {
  if (!('dice' in verdict))
    throw new ReigniteError('INTERNAL', `The verdict on ${verdict.task} does not compare masks.`);
  const { dice } = verdict;
  return {
    numbers: [
      { caption: 'Dice, all classes', metrics: dice.all },
      { caption: 'Dice, TIL use case', metrics: dice.til },
    ],
    notes: [],
    otherReadings: [agreementTable(verdict)],
    researchScores: [],
    accessibleFigures: async (metrics) => {
      // Vega takes a second to load.
      const { accessibleTissueFigures } = await import('../../figures/report-figures.ts');
      return accessibleTissueFigures(HeMetrics.parse(metrics), dice);
    },
  };
}

function agreementTable({ dice }: HeVerdictFile): DetailTable {
  const rows = dice.between
    .filter(({ truth }) => truth === undefined || truth > 0)
    .map(({ name, truth, ours }) => [name, truth === undefined ? '' : grouped(truth), decimal(ours, 6)]);
  return {
    summary: 'Agreement of reproduced and published predictions',
    caption: 'Dice of the reproduced masks with the published ones, without the ground truth',
    head: ['', 'published pixels', 'Dice'],
    rows,
  };
}

/** Returns Dice overall and per class, without Background. */
export function tissueScoreGroups(metrics: unknown): readonly ScoreGroup[] {
  const { all, til } = presentDice(HeMetrics.parse(metrics));
  const group = (title: string, { overall, perClass }: PresentDice): ScoreGroup => ({
    title,
    without: 'absent',
    scores: Object.entries({ Overall: overall, ...perClass }).map(([name, value]) => ({ name, value })),
  });
  return [group('Dice, all classes', all), group('Dice, TIL use case', til)];
}

/** Describes how tissue was segmented. */
export function tissueMethods({ settings, model, regions }: MethodsInput): string {
  const size = tileOf(model);
  const tiles = size === undefined ? 'tiles' : `tiles of ${size} px`;
  const area = settings.scope === 'annotated' ? 'the tiles that hold annotated pixels' : 'every pixel of each ROI';
  return (
    `H&E tissue was segmented with ${segmenterOf(settings.model !== undefined, model)} over ${area}: ${tiles} that overlap ` +
    `by half (a stride of half a tile), a Gaussian importance map, ${mirroringOf(model)}, ${averageOf(model)}, and ${decisionOf(model)}. Dice was computed from the summed confusion matrix of ${regions}, with ` +
    "the row of ground-truth Background set to 0 as in the authors' code."
  );
}

function segmenterOf(isOwn: boolean, model: UsedModel | undefined): string {
  const whose = isOwn ? 'a custom' : "the record's";
  if (model?.kind === 'onnx') return `${whose} ONNX model`;
  const folds = model?.folds ?? [];
  return `${whose} nnU-Net ${isV2(model) ? 'v2' : 'v1'} ${folds.length === 1 ? 'model' : 'ensemble'}${folds.length === 0 ? '' : ` (${describeFolds(folds)})`}`;
}

function isV2(model: UsedModel | undefined): boolean {
  return model?.kind === 'nnunet-v2-2d';
}

function mirroringOf(model: UsedModel | undefined): string {
  return (model?.architecture?.mirrorAxes?.length ?? 0) > 0 ? 'tiles also mirrored' : 'no mirroring';
}

function averageOf(model: UsedModel | undefined): string {
  const what = isV2(model) ? 'logits' : 'softmax';
  return (model?.folds.length ?? 0) > 1 ? `${what} averaged over the folds` : what;
}

function decisionOf(model: UsedModel | undefined): string {
  return isV2(model) ? 'the label that follows from them' : 'the most probable of the 17 labels';
}

/** Returns the ROIs of tissue whose layers can be drawn for the viewer. */
export function tissueLayers(
  task: TissueTask,
  rois: readonly ListedRoi[],
  { results, data }: { readonly results: string; readonly data: string },
): readonly DrawnRoi[] {
  return rois.map(({ roi, image, truth }) => {
    const file = `${folderOf('inference', task)}/${roi}.png`;
    const sources = {
      image: inside(data, image),
      truth: inside(data, truth),
      published: inside(data, publishedMaskIn(data, task, roi)),
      ours: inside(results, file),
      confidence: inside(results, `confidence/${task}/${roi}.png`),
    };
    const draw: DrawnRoi['draw'] = (limit, writer) => drawTissueLayers(sources, limit, writer);
    return { task, roi, sources: Object.values(sources), settings: '', draw };
  });
}
