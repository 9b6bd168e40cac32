import { open } from 'node:fs/promises';
/** Opens a file for the time of `use`. */
export async function openForReading(path, use) {
    const file = await open(path, 'r');
    try {
        return await use(file);
    }
    finally {
        await file.close();
    }
}
