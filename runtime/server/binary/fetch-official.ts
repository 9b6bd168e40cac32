import { join } from 'node:path';
import { z } from 'zod';
import { downloadTo, getJson } from './download.ts';
import { extractTarMember } from './extract-tar-member.ts';
import type { FetchOptions, FetchWay } from './fetch-way.ts';
import { TEMPORAL_VERSION } from './release.ts';

const answerSchema = z.object({ archiveUrl: z.url(), fileToExtract: z.string().min(1) });

/**
 * Temporal's own download, asked as the SDK's testing package asks it (`ephemeral_server` of sdk-core). The SDK's
 * native code fetches and starts in one go, without proxy certificates of Node and without a word on progress; hence
 * over HTTPS here. As with the SDK, TLS vouches for what comes.
 */
export const officialDownload: FetchWay = {
  name: 'temporal.download',
  fetch: async ({ build, folder, ...options }: FetchOptions) => {
    const { platform, arch } = build.official;
    const question = `https://temporal.download/cli/v${TEMPORAL_VERSION}?arch=${arch}&platform=${platform}&format=tar.gz`;
    const { archiveUrl, fileToExtract } = answerSchema.parse(await getJson(question, options));
    const archive = join(folder, 'temporal.tar.gz');
    await downloadTo(archive, archiveUrl, options);
    const executable = join(folder, 'temporal');
    await extractTarMember(archive, fileToExtract, executable, options.signal);
    return executable;
  },
};
