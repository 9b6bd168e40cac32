import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
/** Counts and digests of bytes that pass by. */
export class MemberDigests {
    size = 0;
    crc32 = 0;
    #sha256 = createHash('sha256');
    update(chunk) {
        this.size += chunk.length;
        this.crc32 = crc32(chunk, this.crc32);
        this.#sha256.update(chunk);
    }
    /** Lower-case hex; can be asked for once. */
    sha256() {
        return this.#sha256.digest('hex');
    }
}
