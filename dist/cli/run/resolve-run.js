import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { configDigest } from '../../config/digest.js';
import { ReigniteError } from '../../toolkit/errors.js';
import { runId } from '../../workflows/ids.js';
/**
 * Fixes a run's folders, its digest and its id. Relative paths start at the current folder; the sample record lands in
 * the home, any other one under data/.
 *
 * @throws ReigniteError CONFIG_INVALID when a model of one's own is not there.
 */
export function resolveRun(chosen, home, folders) {
    const config = withOwnModels(chosen);
    const usualData = config.zenodo.serve === undefined ? `data/${folderName(config.record)}` : home.sample;
    const data = resolve(folders.data ?? usualData);
    const results = resolve(folders.results ?? `results/${config.name}`);
    const digest = configDigest(config, { data, results });
    return {
        id: runId(folderName(config.record), config.name, digest),
        input: { config, digest, folders: { data, results } },
    };
}
/** Own models by their absolute paths: a worker may have another current folder. */
function withOwnModels(config) {
    const { he, nuclei, pdl1 } = config;
    return {
        ...config,
        he: { ...he, ...ownModel('he', he.model) },
        nuclei: ownModel('nuclei', nuclei.model),
        pdl1: ownModel('pdl1', pdl1.model),
    };
}
function ownModel(task, path) {
    if (path === undefined)
        return {};
    const model = resolve(path);
    if (existsSync(model))
        return { model };
    throw new ReigniteError('CONFIG_INVALID', `${task}.model: there is no ${model}.`, {
        remedy: "Name the model that is to stand in for the record's, or leave the field out.",
    });
}
/** The record's number where it has one: a DOI or URL is no name for a folder. */
function folderName(record) {
    return /(\d+)\/?$/.exec(record)?.[1] ?? record.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}
