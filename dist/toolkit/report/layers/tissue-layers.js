import { HE_LABELS } from '../../dataset/he-labels.js';
import { ReigniteError } from '../../errors.js';
import { decodeGrey16 } from '../../image/decode-grey16.js';
import { decodeLabels } from '../../image/decode-labels.js';
import { NOT_PREDICTED } from '../../nnunet/tile-scope.js';
import { encodeDifferences, encodeMargins, encodeMask, openPhoto } from './encode-layer.js';
import { EDGES, SHARES } from './layer-budget.js';
import { shrinkDifferences, shrinkLabels, shrinkToSmallest, sizeWithin } from './shrink.js';
import { SpotFinder } from './spots.js';
/**
 * Writes the layers of an H&E ROI: image, truth, published, ours, margins, and where the two predictions differ.
 *
 * @param limit - Bytes for all layers together.
 * @throws ReigniteError when our mask cannot be read; without any other source its layer is left out with a note.
 */
export async function drawTissueLayers(sources, limit, writer) {
    const ours = await decodeLabels(sources.ours);
    const longest = Math.max(ours.width, ours.height);
    const bytes = (share) => limit * SHARES[share];
    const fitting = async (what, path) => sameSize(await orNote(writer, what, decodeLabels(path)), ours);
    const truth = await fitting('truth', sources.truth);
    const published = await fitting('published', sources.published);
    await orNote(writer, 'image', openPhoto(sources.image, EDGES[0]).then((encode) => writer.writeImage('image', bytes('image'), longest, encode)));
    const writeMask = (layer, mask) => writer.writeImage(layer, bytes('mask'), longest, async (edge) => {
        const size = sizeWithin(mask, edge);
        return encodeMask(shrinkLabels(mask.data, mask, size), size, layer === 'truth');
    });
    if (truth !== undefined)
        await writeMask('truth', truth);
    await writeMask('ours', ours);
    const spots = published === undefined ? [] : spotsOf(published, ours);
    if (published !== undefined && spots.length === 0 && writer.files.ours !== undefined) {
        writer.files.published = writer.files.ours;
    }
    else if (published !== undefined) {
        await writeMask('published', published);
        await writer.writeImage('differ', bytes('differ'), longest, async (edge) => {
            const size = sizeWithin(ours, edge);
            return encodeDifferences(shrinkDifferences(published.data, ours.data, ours, size), size);
        });
    }
    const margins = await orNote(writer, 'margin', decodeGrey16(sources.margin));
    if (margins !== undefined) {
        await writer.writeImage('margin', bytes('margin'), longest, async (edge) => {
            const size = sizeWithin(margins, edge);
            return encodeMargins(shrinkToSmallest(margins.data, margins, size), size);
        });
    }
    return { width: ours.width, height: ours.height, classes: classesOf(truth, published, ours), spots };
}
async function orNote(writer, what, work) {
    try {
        return await work;
    }
    catch (error) {
        if (!(error instanceof ReigniteError) || error.retryable)
            throw error;
        writer.notes.push(`The layer "${what}" is missing: its file cannot be read (${error.code}).`);
        return undefined;
    }
}
function sameSize(mask, { width, height }) {
    return mask !== undefined && mask.width === width && mask.height === height ? mask : undefined;
}
function spotsOf(published, ours) {
    const finder = new SpotFinder();
    for (let at = 0; at < ours.data.length; at++) {
        const [mine, theirs] = [ours.data[at], published.data[at]];
        if (mine === theirs || mine === NOT_PREDICTED || theirs === NOT_PREDICTED)
            continue;
        finder.add(at % ours.width, Math.floor(at / ours.width));
    }
    return finder.spots();
}
/** Labels that occur anywhere, by the share of the pixels that truth or ours give them. */
function classesOf(truth, published, ours) {
    const [inTruth, inPublished, inOurs] = [truth, published, ours].map(sharesOf);
    return HE_LABELS.map(({ value }) => ({
        label: value,
        truth: inTruth?.[value] ?? 0,
        published: published === undefined ? null : (inPublished?.[value] ?? 0),
        ours: inOurs?.[value] ?? 0,
    }))
        .filter(({ truth: one, published: two, ours: three }) => Math.max(one, two ?? 0, three) > 0)
        .sort((a, b) => Math.max(b.truth, b.ours) - Math.max(a.truth, a.ours));
}
function sharesOf(mask) {
    const counts = new Float64Array(256);
    for (const label of mask?.data ?? [])
        counts[label] = (counts[label] ?? 0) + 1;
    const pixels = mask?.data.length ?? 1;
    return [...counts].map((count) => Number((count / pixels).toPrecision(3)));
}
