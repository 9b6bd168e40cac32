import type { CellTask } from '../config/tasks.ts';
import type { CacheEntry, KeyParts } from '../toolkit/cache/step-cache.ts';
import type { DetectionSettings } from '../toolkit/tasks/definition.ts';
import { cellDefinition } from '../toolkit/tasks/registry.ts';
import type { EngineRef, ModelRef, PlannedRoi } from './inputs.ts';

/** Raised whenever the code that makes a step's outputs changes what it makes. */
const SCHEMA = { segment: 2, detect: 1, drawCase: 2, drawCells: 2, figures: 1, judge: 1 } as const;

const onEngine = (model: ModelRef, { provider, ortVersion, engine }: EngineRef): KeyParts => ({
  model: model.digest,
  provider,
  ortVersion,
  engine,
  precision: 'float32',
});

/** What an entry was computed with. */
export function engineOf({ parts }: CacheEntry): Pick<EngineRef, 'provider' | 'ortVersion'> {
  return { provider: String(parts['provider']), ortVersion: String(parts['ortVersion']) };
}

/** What an ROI's mask, margins and confusion depend on. */
export function segmentKey(of: {
  readonly imageSha256: string;
  readonly truthSha256: string;
  readonly model: ModelRef;
  readonly engine: EngineRef;
  readonly scope: string;
}): KeyParts {
  return {
    step: 'segment-roi',
    schema: SCHEMA.segment,
    image: of.imageSha256,
    truth: of.truthSha256,
    scope: of.scope,
    ...onEngine(of.model, of.engine),
  };
}

/** What the points and candidates of an image depend on. */
export function detectKey(of: {
  readonly task: CellTask;
  readonly imageSha256: string;
  readonly box: PlannedRoi['box'];
  readonly model: ModelRef;
  readonly engine: EngineRef;
  /** Default: those in effect in the authors' code. */
  readonly settings?: DetectionSettings;
}): KeyParts {
  const { tile, confidence, iou } = of.settings ?? cellDefinition(of.task).settings;
  return {
    step: 'detect-cells',
    schema: SCHEMA.detect,
    image: of.imageSha256,
    box: of.box?.join(' ') ?? 'none',
    tile,
    confidence,
    iou,
    ...onEngine(of.model, of.engine),
  };
}

/** What the case figure of an ROI depends on. */
export function drawKey(of: {
  readonly roi: string;
  readonly imageSha256: string;
  readonly truthSha256: string;
  readonly maskSha256: string;
}): KeyParts {
  return {
    step: 'draw-case',
    schema: SCHEMA.drawCase,
    roi: of.roi,
    image: of.imageSha256,
    truth: of.truthSha256,
    mask: of.maskSha256,
  };
}

/** What the figure of a detection image depends on. */
export function drawCellsKey(of: {
  readonly roi: string;
  readonly imageSha256: string;
  readonly annotationsSha256: string;
  readonly pointsSha256: string;
}): KeyParts {
  return {
    step: 'draw-cells',
    schema: SCHEMA.drawCells,
    roi: of.roi,
    image: of.imageSha256,
    annotations: of.annotationsSha256,
    points: of.pointsSha256,
  };
}

/** What the figures over all ROIs of a task depend on. */
export function figuresKey(task: string, metricsSha256: string): KeyParts {
  return { step: 'draw-figures', schema: SCHEMA.figures, task, metrics: metricsSha256 };
}

/** What the comparison of an ROI's masks depends on. */
export function judgeKey(of: {
  readonly maskSha256: string;
  readonly marginSha256: string;
  readonly publishedSha256: string;
  readonly truthSha256: string;
  readonly nearMargin: number;
}): KeyParts {
  return {
    step: 'judge-roi',
    schema: SCHEMA.judge,
    mask: of.maskSha256,
    margin: of.marginSha256,
    published: of.publishedSha256,
    truth: of.truthSha256,
    nearMargin: of.nearMargin,
  };
}
