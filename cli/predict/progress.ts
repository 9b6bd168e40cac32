import type { Task } from '../../config/tasks.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { fitted } from '../output.ts';

/** Without a terminal, a line at every tenth of an image, and not more often than this. */
const MS_BETWEEN_LINES = 2_000;
const SHARES = 10;

interface Step {
  readonly phase: string;
  readonly tile?: number;
  readonly of?: number;
}

const PHASES: Readonly<Record<string, string>> = {
  encode: 'writing the mask',
  write: 'writing the cells',
  draw: 'drawing and tracing outlines',
};

type Stream = Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

/** Tells on stderr how far a prediction is: one line that changes on a terminal, plain lines elsewhere. */
export class PredictionProgress {
  readonly #images: number;
  readonly #isTerminal: boolean;
  readonly #stream: Stream;
  readonly #write: (text: string) => void;
  #image = '';
  #number = 0;
  #lastShare = -1;
  #lastLine = 0;
  #isOpen = false;

  constructor(images: number, stream: Stream) {
    this.#images = images;
    this.#stream = stream;
    this.#isTerminal = stream.isTTY === true;
    this.#write = (text) => void stream.write(text);
  }

  /** Begins the next image. */
  begin(image: string): void {
    this.end();
    this.#image = image;
    this.#number++;
    this.#lastShare = -1;
    this.#lastLine = 0;
    this.#show('reading');
  }

  /** Tells how far the image is; progress of the network comes tile by tile. */
  step({ phase, tile, of }: Step, task: Task): void {
    if (tile === undefined || of === undefined || of === 0 || !(phase === 'predict' || phase === 'detect')) {
      this.#show(PHASES[phase] ?? phase);
      return;
    }
    const share = Math.floor((tile * SHARES) / of);
    const isDue = share !== this.#lastShare && Date.now() - this.#lastLine >= MS_BETWEEN_LINES;
    if (!this.#isTerminal && !isDue) return;
    this.#lastShare = share;
    const { passes } = taskNamed(task);
    this.#show(`${tile} of ${of} ${passes} (${Math.floor((100 * tile) / of)} %)`);
  }

  /** Says something that stays. */
  say(text: string): void {
    this.end();
    this.#write(`${fitted(text, this.#stream)}\n`);
  }

  /** Ends the changing line. */
  end(): void {
    if (this.#isOpen) this.#write('\r\u001b[K');
    this.#isOpen = false;
  }

  #show(what: string): void {
    const place = `image ${this.#number} of ${this.#images}: `;
    const text = `${place}${this.#image}: ${what}`;
    this.#lastLine = Date.now();
    // A line that changes must not wrap: what is above it cannot be written over.
    const room = (this.#stream.columns ?? Number.POSITIVE_INFINITY) - 1;
    if (this.#isTerminal) this.#write(`\r\u001b[K${text.length <= room ? text : `${place}${what}`.slice(0, room)}`);
    else this.#write(`${text}\n`);
    this.#isOpen = this.#isTerminal;
  }
}
