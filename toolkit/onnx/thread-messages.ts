import type { ErrorCode } from '../errors.ts';

/** What the owner of an inference thread asks; it answers in the order in which it was asked. */
export type ToThread<Request> =
  | {
      readonly kind: 'request';
      /** Comes back with all that is said of the request. */
      readonly id: number;
      readonly request: Request;
      /** One shared int32; anything but 0 asks the thread, which reads no messages while a network runs, to stop. */
      readonly flag: Int32Array;
    }
  | { readonly kind: 'close' };

/** What the thread tells. A ReigniteError travels as its parts: structured cloning would lose its class. */
export type FromThread<Answer, Progress> = { readonly id: number } & (
  | { readonly kind: 'progress'; readonly progress: Progress }
  | Ended<Answer>
);

/** How a request ended. */
export type Ended<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly remedy?: string };
