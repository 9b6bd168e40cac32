const BUFFER_BYTES = 256 * 1024;
const ZERO = 48;
const MINUS = 45;
/** Bytes that a character or a number may take. */
const MOST_BYTES_A_CHARACTER = 4;
const MOST_DIGITS = 12;
/**
 * Writes text and whole numbers through one buffer. Outlines are hundreds of megabytes of digits: made as strings they
 * are garbage faster than it is collected, a gigabyte of it.
 */
export class TextFile {
    #handle;
    #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    #used = 0;
    constructor(handle) {
        this.#handle = handle;
    }
    /** Whether so much is waiting that it should be flushed before more comes. */
    get isFull() {
        return this.#used > BUFFER_BYTES / 2;
    }
    /** @param text - Shorter than half the buffer. */
    text(text) {
        if (text.length * MOST_BYTES_A_CHARACTER > BUFFER_BYTES / 2)
            throw new RangeError('Expected a short text');
        this.#used += this.#buffer.write(text, this.#used);
    }
    /** @param code - Of an ASCII character. */
    character(code) {
        this.#buffer[this.#used++] = code;
    }
    /** @param value - A whole number within 32 bits. */
    integer(value) {
        let rest = Math.abs(value);
        if (value < 0)
            this.#buffer[this.#used++] = MINUS;
        let digits = 1;
        for (let bound = 10; bound <= rest; bound *= 10)
            digits++;
        for (let at = this.#used + digits - 1; at >= this.#used; at--) {
            this.#buffer[at] = ZERO + (rest % 10);
            rest = Math.floor(rest / 10);
        }
        this.#used += digits;
    }
    /** Whether `count` more numbers, with a character beside each, find room. */
    hasRoomFor(count) {
        return this.#used + count * (MOST_DIGITS + MOST_BYTES_A_CHARACTER) < BUFFER_BYTES / 2;
    }
    async flush() {
        let written = 0;
        while (written < this.#used) {
            const { bytesWritten } = await this.#handle.write(this.#buffer, written, this.#used - written);
            written += bytesWritten;
        }
        this.#used = 0;
    }
}
