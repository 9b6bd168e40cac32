import { resolve } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.js';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.js';
import { PROVIDERS } from '../../toolkit/onnx/session.js';
import { describePrediction } from '../../toolkit/predict/prediction-tables.js';
import { EXIT, printResult, printStep } from '../output.js';
import { nameImages } from '../predict/image-names.js';
import { predictAsRun } from '../predict/predict-as-run.js';
import { predictHere } from '../predict/predict-here.js';
const SMALLEST_MPP = 0.01;
const LARGEST_MPP = 100;
const MOST_SMOOTHING = 100;
const MOST_AREA = 1e12;
const MOST_THREADS = 256;
/**
 * `reignite predict`: masks, outlines and areas, or cells and their counts, of the user's own images. What is finished
 * stays when it is interrupted; the same command goes on where it was.
 */
export async function predictCommand(words, options, signal) {
    const order = readOrder(options);
    const images = await nameImages(words);
    const home = homeFromEnvironment();
    const summary = options.run
        ? await predictAsRun(order, images, home, signal)
        : await predictHere(order, images, home, signal);
    refuseNothingPredicted(summary);
    if (options.json)
        printResult(JSON.stringify(summary, null, 1));
    else
        printResult(summary.images.flatMap(describePrediction).join('\n'));
    printStep(`${summary.images.length} of ${images.length} images predicted; everything is in ${order.out}.`);
    return summary.failures.length === 0 ? EXIT.done : EXIT.error;
}
/** Where no image at all could be predicted, the first one's error is the command's. */
function refuseNothingPredicted({ images, failures: [first] }) {
    if (first === undefined || images.length > 0)
        return;
    throw new ReigniteError(first.code, first.cause, { remedy: first.remedy });
}
function readOrder({ task, model, out, labels, mpp, resample = false, ...more }) {
    if (mpp !== undefined)
        expectWithin('--mpp', mpp, SMALLEST_MPP, LARGEST_MPP);
    if (resample && mpp === undefined) {
        throw new ReigniteError('USAGE', '--resample needs --mpp: how large a pixel of the images is, in µm.');
    }
    if (labels !== undefined && task !== 'he') {
        throw new ReigniteError('USAGE', '--labels names the labels of masks; a detector brings its own names.');
    }
    const { simplify = 0, minArea = 1, provider = 'auto', threads } = more;
    expectWithin('--simplify', simplify, 0, MOST_SMOOTHING);
    expectWithin('--min-area', minArea, 1, MOST_AREA);
    if (threads !== undefined)
        expectWithin('--threads', threads, 1, MOST_THREADS);
    if (!isProvider(provider)) {
        throw new ReigniteError('USAGE', `Expected --provider auto, ${PROVIDERS.join(' or ')}, got ${provider}.`);
    }
    return {
        task,
        model: resolve(model),
        out: resolve(out),
        ...(labels !== undefined && { labels: resolve(labels) }),
        session: { provider, ...(threads !== undefined && { threads }) },
        choices: { ...(mpp !== undefined && { mpp }), resample, simplify, minArea },
    };
}
function isProvider(name) {
    return name === 'auto' || PROVIDERS.some((provider) => provider === name);
}
function expectWithin(option, value, least, most) {
    if (value >= least && value <= most)
        return;
    throw new ReigniteError('USAGE', `Expected ${option} from ${least} to ${most}, got ${value}.`);
}
