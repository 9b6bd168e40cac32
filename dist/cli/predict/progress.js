/** Without a terminal, a line at every tenth of an image, and not more often than this. */
const MS_BETWEEN_LINES = 2_000;
const SHARES = 10;
const PHASES = {
    encode: 'writing the mask',
    write: 'writing the cells',
    draw: 'drawing and tracing outlines',
};
/** Tells on stderr how far a prediction is: one line that changes on a terminal, plain lines elsewhere. */
export class PredictionProgress {
    #images;
    #isTerminal;
    #write;
    #image = '';
    #number = 0;
    #lastShare = -1;
    #lastLine = 0;
    #isOpen = false;
    constructor(images, stream) {
        this.#images = images;
        this.#isTerminal = stream.isTTY === true;
        this.#write = (text) => void stream.write(text);
    }
    /** Begins the next image. */
    begin(image) {
        this.end();
        this.#image = image;
        this.#number++;
        this.#lastShare = -1;
        this.#lastLine = 0;
        this.#show('reading');
    }
    /** Tells how far the image is; progress of the network comes tile by tile. */
    step({ phase, tile, of }, task) {
        if (tile === undefined || of === undefined || of === 0 || !(phase === 'predict' || phase === 'detect')) {
            this.#show(PHASES[phase] ?? phase);
            return;
        }
        const share = Math.floor((tile * SHARES) / of);
        const isDue = share !== this.#lastShare && Date.now() - this.#lastLine >= MS_BETWEEN_LINES;
        if (!this.#isTerminal && !isDue)
            return;
        this.#lastShare = share;
        const what = task === 'he' ? 'passes of a network' : 'tiles';
        this.#show(`${tile} of ${of} ${what} (${Math.floor((100 * tile) / of)} %)`);
    }
    /** Says something that stays. */
    say(text) {
        this.end();
        this.#write(`${text}\n`);
    }
    /** Ends the changing line. */
    end() {
        if (this.#isOpen)
            this.#write('\r\u001b[K');
        this.#isOpen = false;
    }
    #show(what) {
        const text = `image ${this.#number} of ${this.#images}: ${this.#image}: ${what}`;
        this.#lastLine = Date.now();
        if (this.#isTerminal)
            this.#write(`\r\u001b[K${text}`);
        else
            this.#write(`${text}\n`);
        this.#isOpen = this.#isTerminal;
    }
}
