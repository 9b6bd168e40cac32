import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { isArchive, rootOfArchive } from '../toolkit/dataset/layout.js';
import { inside } from '../toolkit/files/inside.js';
import { downloadFile as transfer } from '../toolkit/zenodo/download-file.js';
import { fetchMembers, piecesPath } from '../toolkit/zenodo/fetch-members.js';
import { copyFromMirror, findInMirror } from '../toolkit/zenodo/mirror.js';
import { partPath } from '../toolkit/zenodo/part-file.js';
import { bytesOfPieces } from '../toolkit/zenodo/pieces-file.js';
import { Selection } from '../toolkit/zenodo/selection.js';
import { FileInput } from './inputs.js';
import { withTransferProgress } from './transfer-progress.js';
import { withPatience } from './with-patience.js';
/**
 * Fetches one file of the record, or goes on where an earlier attempt stopped; verified before it gets its name.
 * Archives wait in DATA/archives, other files take their place in DATA. Of an archive of which little is wanted, or of
 * which most is there, the missing members alone are fetched.
 */
export function createDownloadFile(services) {
    return async function downloadFile(input) {
        const { file, data, zenodo, retrySeconds } = FileInput.parse(input);
        const path = inside(isArchive(file.key) ? join(data, 'archives') : data, file.key);
        const bytes = async () => (await bytesOf(path)) + (await bytesOfPieces(piecesPath(path)));
        return withPatience(services.patience, { zenodo, retrySeconds, subject: path, bytes }, () => withTransferProgress({ file: file.key, of: file.size }, (report) => acquireFile(services, input, path, report)));
    };
}
async function acquireFile(services, input, path, report) {
    const { file, data, zenodo } = input;
    const archive = isArchive(file.key);
    const receipt = archive ? await services.receipts.whole(data, file) : undefined;
    if (receipt !== undefined)
        return unpackedBefore(receipt);
    const mirrored = await takeFromMirror(input, path, report);
    if (mirrored !== undefined)
        return archive ? mirrored : noted(services, data, mirrored);
    if (archive && (await areMembersEnough(input, path))) {
        const members = await takeMembers(services, input, path, report);
        if (members !== undefined)
            return members;
    }
    const done = await transfer({
        ...(await services.servers.request(zenodo, input.record, file)),
        path,
        size: file.size,
        md5: file.md5,
        // What will be unpacked of it: nearly all is images, which do not shrink any more.
        extraSpace: archive ? file.size : 0,
        signal: Context.current().cancellationSignal,
        onProgress: (bytes) => report('fetching', bytes),
    });
    const outcome = outcomeOf(input, done, done.resumedFrom === file.size ? 'present' : 'fetched');
    return archive ? outcome : noted(services, data, outcome);
}
function outcomeOf({ file }, { sha256 }, state) {
    const { key, size, md5 } = file;
    return { key, size, md5, sha256, verified: 'md5', state };
}
function unpackedBefore({ key, size, md5, sha256, verified, bytes, files }) {
    const known = sha256 === undefined ? {} : { sha256 };
    return { key, size, md5, ...known, verified, state: 'unpacked', files: files.length, bytes };
}
/** Writes down a file that is no archive. */
async function noted({ receipts }, data, outcome) {
    const { key, size, md5, sha256, verified } = outcome;
    const files = [{ path: key, size, sha256 }];
    await receipts.write(data, { key, md5, sha256, size, bytes: size, verified, whole: true, files });
    return { ...outcome, files: 1, bytes: size };
}
async function takeFromMirror(input, path, report) {
    const { file, zenodo } = input;
    if (zenodo.mirror === undefined)
        return undefined;
    const signal = Context.current().cancellationSignal;
    const found = await findInMirror(zenodo.mirror, file, signal, () => report('fetching', file.size));
    if (found === undefined)
        return undefined;
    if (!isArchive(file.key))
        await copyFromMirror(found.path, path, signal);
    return outcomeOf(input, found, 'mirrored');
}
/** Whether it is worth looking into an archive instead of fetching it: nothing of it is under way as a whole. */
async function areMembersEnough({ file, data }, path) {
    if (existsSync(path) || existsSync(partPath(path)))
        return false;
    if (file.part)
        return true;
    const root = rootOfArchive(file.key);
    return root !== undefined && (await readdir(join(data, root)).catch(() => [])).length > 0;
}
async function takeMembers({ servers, receipts }, { file, data, zenodo, record, only }, path, report) {
    const { key, size, md5 } = file;
    const selection = file.part && only !== undefined ? new Selection(only) : undefined;
    const members = await fetchMembers({
        ...(await servers.request(zenodo, record, file)),
        path,
        size,
        md5,
        target: data,
        root: rootOfArchive(key),
        signal: Context.current().cancellationSignal,
        onProgress: (bytes, total) => report('fetching', bytes, total),
        ...(selection === undefined ? {} : { select: (member) => selection.takes(member) }),
    });
    if (members === undefined)
        return undefined;
    const bytes = members.reduce((sum, member) => sum + member.size, 0);
    const files = members.map((member) => ({ path: member.path, size: member.size, sha256: member.sha256 }));
    const receipt = { key, md5, size, verified: 'crc', files };
    if (selection === undefined)
        await receipts.write(data, { ...receipt, bytes, whole: true });
    else if (files.length > 0)
        await receipts.addPart(data, receipt);
    const state = files.length > 0 ? 'unpacked' : 'skipped';
    return { key, size, md5, verified: 'crc', state, files: files.length, bytes };
}
async function bytesOf(path) {
    return (await stat(partPath(path)).catch(() => undefined))?.size ?? 0;
}
