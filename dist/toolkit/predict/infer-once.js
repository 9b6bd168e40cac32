import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheKey } from '../cache/step-cache.js';
import { asSentence } from './as-sentence.js';
import { readFacts } from './inference-facts.js';
/**
 * Takes what a network makes of an image from the cache, else has it made and keeps it.
 *
 * @param infer - Works in the folder that it is given, which a killed one left and the next goes on in. Names its files.
 */
export async function inferOnce(parts, { home, cache }, { onWork }, infer) {
    const key = cacheKey(parts);
    const known = await cache.find(key);
    if (known !== undefined)
        return { entry: known, facts: readFacts(known), isCached: true };
    const work = join(home.work, key);
    await mkdir(work, { recursive: true });
    await onWork?.(work);
    const { files, facts } = await infer(work);
    const entry = await cache.store(parts, files, { ...facts, notes: [...facts.notes] });
    await rm(work, { recursive: true, force: true });
    return { entry, facts, isCached: false };
}
/** What is said of every prediction, whatever was predicted. */
export function describeInferred({ image, name }, input, seen, { facts, isCached }) {
    return {
        image,
        name,
        width: input.width,
        height: input.height,
        ...seen.said,
        cached: isCached,
        provider: facts.provider,
        seconds: isCached ? 0 : facts.seconds,
        notes: [...input.notes, ...facts.notes.map(asSentence), ...seen.notes],
    };
}
