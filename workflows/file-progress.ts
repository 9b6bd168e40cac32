import { defineQuery } from '@temporalio/workflow';
import { markdownTable } from './progress.ts';

/** How far one file of the record is; how many bytes of it are here is told by the heartbeats of its step. */
export interface FileProgress {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  readonly state: 'waiting' | 'fetching' | 'unpacking' | 'done';
}

/** The files of an acquisition, in the order of the record. */
export const fileProgress = defineQuery<FileProgress[]>('files');

/** The files as a Markdown table, for the acquisition's page in the Temporal UI. */
export function fileTable(title: string, files: readonly FileProgress[]): string {
  const rows = files.map(({ key, size, state }) => [key, sizeText(size), state]);
  return [title, '', markdownTable(['File', 'Size', 'State'], rows)].join('\n');
}

export function sizeText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`;
}
