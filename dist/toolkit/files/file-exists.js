import { access } from 'node:fs/promises';
/** Whether there is something at a path. */
export async function fileExists(path) {
    return access(path).then(() => true, () => false);
}
