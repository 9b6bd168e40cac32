import { defineQuery } from '@temporalio/workflow';
import { markdownTable } from './progress.js';
/** The files of an acquisition, in the order of the record. */
export const fileProgress = defineQuery('files');
/** The files as a Markdown table, for the acquisition's page in the Temporal UI. */
export function fileTable(title, files) {
    const rows = files.map(({ key, size, state }) => [key, sizeText(size), state]);
    return [title, '', markdownTable(['File', 'Size', 'State'], rows)].join('\n');
}
export function sizeText(bytes) {
    if (bytes >= 1e9)
        return `${(bytes / 1e9).toFixed(1)} GB`;
    return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`;
}
