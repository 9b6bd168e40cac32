import type { InferenceSession, Tensor } from 'onnxruntime-node';

/** A tensor as it travels between processes. */
export interface SentTensor {
  readonly type: Tensor.Type;
  readonly dims: readonly number[];
  readonly data: Tensor['data'];
}

/** What the owner of a session asks its process; one request at a time. */
export type SessionRequest =
  | {
      readonly kind: 'run';
      readonly feeds: Readonly<Record<string, SentTensor>>;
      /** Names of the wanted outputs. */
      readonly fetches: readonly string[];
    }
  | { readonly kind: 'release' };

/** What the process answers; the first answer is unasked and says how opening went. */
export type SessionAnswer =
  | {
      readonly kind: 'opened';
      readonly inputs: readonly InferenceSession.ValueMetadata[];
      readonly outputs: readonly InferenceSession.ValueMetadata[];
    }
  | { readonly kind: 'ran'; readonly outputs: Readonly<Record<string, SentTensor>> }
  | { readonly kind: 'released' }
  | { readonly kind: 'failed'; readonly message: string };
