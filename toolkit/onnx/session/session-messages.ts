import type { InferenceSession, Tensor } from 'onnxruntime-node';

/** A tensor as it is sent between processes. */
export interface SentTensor {
  readonly type: Tensor.Type;
  readonly dims: readonly number[];
  readonly data: Tensor['data'];
}

/** A request to the process of a session; one at a time. */
export type SessionRequest =
  | {
      readonly kind: 'run';
      readonly feeds: Readonly<Record<string, SentTensor>>;
      /** Names of the wanted outputs. */
      readonly fetches: readonly string[];
    }
  | { readonly kind: 'release' };

/** An answer of the process. The first one is sent without a request and reports whether the session was opened. */
export type SessionAnswer =
  | {
      readonly kind: 'opened';
      readonly inputs: readonly InferenceSession.ValueMetadata[];
      readonly outputs: readonly InferenceSession.ValueMetadata[];
    }
  | { readonly kind: 'ran'; readonly outputs: Readonly<Record<string, SentTensor>> }
  | { readonly kind: 'released' }
  | { readonly kind: 'failed'; readonly message: string };
