import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
/** `verdict/nuclei-declared.json`: what was detected again, and with which settings. */
export const DeclaredFile = z.object({
    tile: z.int(),
    confidence: z.number(),
    iou: z.number(),
    images: z.array(z.string()).describe('Stems; an image without a file of points has none'),
    skipped: z.array(z.object({ roi: z.string(), code: z.string() })),
});
/** Where nuclei lie that were detected with the declared settings. */
export function declaredFiles(results) {
    const folder = join(results, 'verdict', 'nuclei-declared');
    return { folder, list: `${folder}.json`, points: (stem) => join(folder, `${stem}.npy`) };
}
export async function readDeclaredFile(results) {
    return DeclaredFile.parse(JSON.parse(await readFile(declaredFiles(results).list, 'utf8')));
}
