import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

type Interceptor = ReturnType<typeof makeGrpcRetryInterceptor>;
type Call = ReturnType<Parameters<Interceptor>[1]>;

/** gRPC's status of a call that was cancelled. The SDK does not retry such a call. */
const CANCELLED = 1;

/**
 * Returns an interceptor that retries calls as the SDK does by default. A call that waits for its next attempt when its
 * connection is closed fails; the SDK alone would throw in a timer, which ends the process.
 */
export function retryWhileOpen(): Interceptor {
  const retry = makeGrpcRetryInterceptor(defaultGrpcRetryOptions());
  return (options, nextCall) => {
    let attempts = 0;
    return retry(options, (callOptions) => {
      attempts += 1;
      try {
        return nextCall(callOptions);
      } catch (error) {
        // The caller itself sees what the first attempt throws.
        if (attempts === 1) throw error;
        return callThatFails(error);
      }
    });
  };
}

function callThatFails(error: unknown): Call {
  const details = error instanceof Error ? error.message : String(error);
  const nothing = () => undefined;
  return {
    start: (metadata, listener) => listener?.onReceiveStatus?.({ code: CANCELLED, details, metadata }),
    getPeer: () => '',
    getAuthContext: () => null,
    cancelWithStatus: nothing,
    sendMessageWithContext: nothing,
    sendMessage: nothing,
    startRead: nothing,
    halfClose: nothing,
  };
}
