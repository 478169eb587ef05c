import { useEffect, useState } from 'react';
import type { CallName, CallRequest, CallResponse, StudioError } from '../../preload/contract.ts';
import { call, errorOf } from '../studio/bridge.ts';

export interface Asked<T> {
  /** To the request asked last, or, while its answer is on its way, to the one before about the same subject. */
  readonly answer: T | null;
  readonly failure: StudioError | null;
  readonly isBusy: boolean;
}

interface Shown<T> extends Asked<T> {
  readonly subject: string;
}

/**
 * Asks main and follows the request as it changes, `debounceMs` after it last did; an answer that was overtaken is
 * dropped. Nothing is asked while `request` is null.
 * @param subject What the request is about: answers about something else are not shown.
 */
export function useAsked<N extends CallName>(
  name: N,
  request: CallRequest<N> | null,
  subject: string,
  debounceMs: number,
): Asked<CallResponse<N>> {
  type Answer = CallResponse<N>;
  const [shown, setShown] = useState<Shown<Answer>>({ answer: null, failure: null, isBusy: false, subject });
  // Two requests are the same when they say the same.
  const written = request === null ? null : JSON.stringify(request);
  useEffect(() => {
    if (written === null) return undefined;
    let isCurrent = true;
    const show = (change: Partial<Shown<Answer>>): void => {
      if (isCurrent) setShown((known) => ({ ...forSubject(known, subject), ...change }));
    };
    const timer = setTimeout(() => {
      show({ isBusy: true });
      call(name, JSON.parse(written) as CallRequest<N>).then(
        (answer) => show({ answer, failure: null, isBusy: false }),
        (thrown: unknown) => show({ answer: null, failure: errorOf(thrown), isBusy: false }),
      );
    }, debounceMs);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [name, written, subject, debounceMs]);
  return request === null ? forSubject(shown, '') : forSubject(shown, subject);
}

function forSubject<T>(shown: Shown<T>, subject: string): Shown<T> {
  return shown.subject === subject ? shown : { answer: null, failure: null, isBusy: false, subject };
}
