import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { z } from 'zod';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Path of the browser on this machine; undefined if there is none. Tests that need one are then skipped. */
export const BROWSER = [process.env['CHROME_PATH'] ?? '', ...pathsOf(NAMES)].find((path) => path && existsSync(path));

function pathsOf(names: readonly string[]): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => names.map((name) => join(folder, name)));
}

const Message = z.object({
  id: z.number().optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
});

const Evaluated = z.object({
  result: z.object({ value: z.unknown().optional() }),
  exceptionDetails: z
    .object({ text: z.string(), exception: z.object({ description: z.string() }).optional() })
    .optional(),
});

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-pipe',
];

/** A page in a headless Chromium, controlled over the pipe of the DevTools protocol. */
export class BrowserPage {
  /** Warnings and errors on the console, uncaught exceptions, and resources that failed to load. */
  readonly complaints: string[] = [];
  readonly #process: ChildProcess;
  readonly #out: Writable;
  readonly #pending = new Map<number, (message: z.infer<typeof Message>) => void>();
  #session: string | undefined;
  #next = 1;
  #onLoad: () => void = () => undefined;

  /** @param profile - An empty folder for the browser's profile. */
  static async open(profile: string, size = { width: 1400, height: 900 }): Promise<BrowserPage> {
    if (BROWSER === undefined) throw new Error('There is no browser');
    const page = new BrowserPage(BROWSER, profile);
    const target = z.object({ targetId: z.string() });
    const { targetId } = target.parse(await page.send('Target.createTarget', { url: 'about:blank' }));
    const attached = await page.send('Target.attachToTarget', { targetId, flatten: true });
    page.#session = z.object({ sessionId: z.string() }).parse(attached).sessionId;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.send(`${domain}.enable`, {});
    await page.send('Emulation.setDeviceMetricsOverride', { ...size, deviceScaleFactor: 1, mobile: false });
    return page;
  }

  private constructor(browser: string, profile: string) {
    this.#process = spawn(browser, [...FLAGS, `--user-data-dir=${profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    const [, , , out, incoming] = this.#process.stdio;
    if (!(out instanceof Writable) || !(incoming instanceof Readable)) throw new Error(`No pipes to ${browser}`);
    this.#out = out;
    let text = '';
    incoming.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      const messages = text.split('\0');
      text = messages.pop() ?? '';
      for (const message of messages) this.#take(Message.parse(JSON.parse(message)));
    });
  }

  /** Sends a command of the DevTools protocol and waits for its answer. */
  async send(method: string, params: object): Promise<unknown> {
    const id = this.#next++;
    const answered = new Promise<z.infer<typeof Message>>((resolve) => this.#pending.set(id, resolve));
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#out.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** Opens a URL and waits until it is loaded. */
  async goTo(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      this.#onLoad = resolve;
    });
    await this.send('Page.navigate', { url });
    await loaded;
  }

  /** Evaluates an expression in the page and returns its JSON; awaits promises. */
  async evaluate(expression: string): Promise<unknown> {
    const parameters = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = Evaluated.parse(await this.send('Runtime.evaluate', parameters));
    if (exceptionDetails !== undefined) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Presses and releases a key. */
  async press(key: string, text = key.length === 1 ? key : ''): Promise<void> {
    const codes: Readonly<Record<string, number>> = { Tab: 9, Enter: 13, Escape: 27 };
    const code = codes[key] ?? 0;
    const about = {
      key,
      windowsVirtualKeyCode: code,
      ...(key === 'Enter' ? { text: '\r' } : text === '' ? {} : { text }),
    };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...about });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, windowsVirtualKeyCode: code });
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }

  #take({ id, method, params, ...answer }: z.infer<typeof Message>): void {
    if (id !== undefined) {
      this.#pending.get(id)?.({ id, ...answer });
      this.#pending.delete(id);
      return;
    }
    if (method === 'Page.loadEventFired') this.#onLoad();
    const text = JSON.stringify(params);
    if (method === 'Runtime.exceptionThrown' || method === 'Network.loadingFailed') this.complaints.push(text);
    if (method === 'Log.entryAdded' && /"level":"(error|warning)"/.test(text)) this.complaints.push(text);
    if (method === 'Runtime.consoleAPICalled' && /"type":"(error|warning)"/.test(text)) this.complaints.push(text);
  }
}
