import { readOwnCard } from '../onnx/own-model.js';
import { readModelCard } from './model-card.js';
import { OrtFoldNetworks } from './ort-fold-networks.js';
import { OwnNetwork } from './own-network.js';
/**
 * The networks that a folder of the home holds, of a converted nnU-Net or of an ONNX model of the user's; each is opened
 * when it is first needed.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function openNetworks(folder, options) {
    const own = await readOwnCard(folder);
    if (own !== undefined)
        return new OwnNetwork(folder, own, options);
    return new OrtFoldNetworks(folder, await readModelCard(folder), options);
}
/**
 * What a folder of the home holds.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function describeNetworks(folder) {
    const { digest, patch, classes, folds } = await openNetworks(folder, {});
    return { digest, patch, classes, folds };
}
