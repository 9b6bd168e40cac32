import { ReigniteError } from '../errors.js';
import { asDict, asInteger, asItems, asString, asTensor, dictGet, dictHas, locate, refusal, } from '../pytorch/access.js';
import { isPickleObject } from '../pytorch/value.js';
import { readModuleTree } from './module-tree.js';
const NETWORKS = new Set(['models.yolo.DetectionModel', 'models.yolo.Model']);
const SEQUENTIAL = 'torch.nn.modules.container.Sequential';
/** More than any real one; the output has a column for each. */
const MOST_CLASSES = 10_000;
const MOST_STRIDE = 4_096;
/**
 * Reads the network of a checkpoint of YOLOv5, release 3.0 to 7.0.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is no detection network in it, or one of another family.
 */
export async function readDetectorNetwork(checkpoint) {
    const start = locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_UNSUPPORTED');
    const weights = dictHas(start, 'ema') ? 'ema' : 'model';
    const root = readModuleTree(dictGet(start, weights));
    if (!NETWORKS.has(root.className)) {
        throw unsupported(checkpoint, `its network is a ${root.className}, not a detector of YOLOv5`);
    }
    const body = root.children.get('model');
    if (body?.className !== SEQUENTIAL)
        throw unsupported(checkpoint, 'its network has no layers at model');
    const layers = [...body.children.values()];
    const head = layers.at(-1);
    if (head === undefined)
        throw unsupported(checkpoint, 'its network has no layers at model');
    const classes = asInteger(dictGet(head.attributes, 'nc'));
    if (classes < 1 || classes > MOST_CLASSES)
        throw unsupported(checkpoint, `its head has ${classes} classes`);
    return {
        weights,
        root,
        layers,
        names: classNames(dictGet(root.attributes, 'names'), classes),
        strides: await headStrides(checkpoint, dictGet(head.attributes, 'stride')),
    };
}
/** A list up to release 6.2, a dict by number since; without names they are numbered, as in YOLOv5. */
function classNames(located, classes) {
    if ((located.value ?? null) === null)
        return Array.from({ length: classes }, (_, index) => `class${index}`);
    const isDict = isPickleObject(located.value) && located.value.kind === 'dict';
    const names = isDict ? namesByNumber(located, classes) : asItems(located).map(asString);
    if (names.length !== classes)
        throw refusal(located, `a name for each of ${classes} classes`);
    return names;
}
function namesByNumber(located, classes) {
    if (asDict(located).entries.size !== classes)
        throw refusal(located, `a name for each of ${classes} classes`);
    return Array.from({ length: classes }, (_, index) => asString(dictGet(located, index)));
}
async function headStrides(checkpoint, located) {
    const tensor = asTensor(located);
    const [levels] = tensor.shape;
    if (tensor.shape.length !== 1 || levels === undefined || levels < 1 || levels > 16) {
        throw refusal(located, 'a stride for each level');
    }
    const strides = Array.from(await checkpoint.readFloat32(tensor));
    const areSound = strides.every((stride) => Number.isInteger(stride) && stride >= 1 && stride <= MOST_STRIDE);
    if (!areSound)
        throw unsupported(checkpoint, `its strides are ${strides.join(', ')} px`);
    return strides;
}
function unsupported({ path }, what) {
    return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is not read: ${what}.`);
}
