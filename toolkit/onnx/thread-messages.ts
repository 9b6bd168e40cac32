import type { ErrorCode } from '../errors.ts';

/** What the owner of an inference thread asks; one request at a time. */
export type ToThread<Request> =
  | {
      readonly kind: 'request';
      readonly request: Request;
      /** One shared int32; anything but 0 asks the thread, which reads no messages while a network runs, to stop. */
      readonly flag: Int32Array;
    }
  | { readonly kind: 'close' };

/** What the thread tells. A ReigniteError travels as its parts: structured cloning would lose its class. */
export type FromThread<Answer, Progress> =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly remedy?: string };
