import { TASK_SETTINGS } from '../toolkit/yolov5/task-settings.js';
/** Raised whenever the code that makes a step's outputs changes what it makes. */
const SCHEMA = { segment: 2, detect: 1, drawCase: 2, drawCells: 2, figures: 1, judge: 1 };
const onEngine = (model, { provider, ortVersion, engine }) => ({
    model: model.digest,
    provider,
    ortVersion,
    engine,
    precision: 'float32',
});
/** What an ROI's mask, margins and confusion depend on. */
export function segmentKey(of) {
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
export function detectKey(of) {
    const { tile, confidence, iou } = of.settings ?? TASK_SETTINGS[of.task];
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
export function drawKey(of) {
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
export function drawCellsKey(of) {
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
export function figuresKey(task, metricsSha256) {
    return { step: 'draw-figures', schema: SCHEMA.figures, task, metrics: metricsSha256 };
}
/** What the comparison of an ROI's masks depends on. */
export function judgeKey(of) {
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
