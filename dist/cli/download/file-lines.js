import { bytesText, timeText } from '../../toolkit/quantity-text.js';
/**
 * Turns the state of an acquisition into lines for a log, a file each: one when its state changes or when it begins to
 * wait, and one whenever bytes came, at most every `everyMs`.
 */
export class FileLines {
    #write;
    #everyMs;
    #shown = new Map();
    constructor(write, everyMs = 2_000) {
        this.#write = write;
        this.#everyMs = everyMs;
    }
    show(files, now = Date.now()) {
        const width = Math.max(0, ...files.map(({ key }) => key.length));
        for (const file of files) {
            if (file.state === 'waiting' || isQueued(file))
                continue;
            // The count of seconds in a wait is no news.
            const state = file.waits === undefined ? file.state : `waits ${file.waits.cause}`;
            const text = `${file.key.padEnd(width)}  ${describe(file)}`;
            const last = this.#shown.get(file.key);
            if (last?.state === state && (last.text === text || file.waits !== undefined || now - last.at < this.#everyMs))
                continue;
            this.#shown.set(file.key, { text, state, at: now });
            this.#write(text);
        }
    }
}
/** Handed out, and taken up by nobody yet: two files are fetched at a time. */
function isQueued({ state, beat, waits }) {
    return state !== 'done' && beat === undefined && waits === undefined;
}
/** Bytes, share, rate and time left. */
export function describe({ size, state, beat, waits }) {
    if (waits !== undefined) {
        const soon = waits.seconds > 0 ? ` Tried again in ${timeText(waits.seconds)}.` : '';
        return `waits: ${waits.cause}${soon}`;
    }
    if (state === 'done')
        return `${bytesText(size)}, done`;
    if (beat?.phase !== state)
        return `${bytesText(size)}, ${state}`;
    const share = beat.of === 0 ? 100 : Math.floor((100 * beat.bytes) / beat.of);
    const parts = [
        `${bytesText(beat.bytes)} of ${bytesText(beat.of)} ${state === 'fetching' ? 'fetched' : 'unpacked'}, ${share} %`,
    ];
    if (beat.bytesPerSecond !== undefined)
        parts.push(`${bytesText(beat.bytesPerSecond)}/s`);
    if (beat.secondsLeft !== undefined && beat.secondsLeft > 0)
        parts.push(`${timeText(beat.secondsLeft)} left`);
    return parts.join(', ');
}
