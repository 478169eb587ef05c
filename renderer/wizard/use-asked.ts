import { useEffect, useState } from 'react';
import type { CallName, CallRequest, CallResponse, StudioError } from '../../preload/contract.ts';
import { call, errorOf } from '../studio/bridge.ts';

export interface Asked<T> {
  /** To the request asked last, or, while its answer is on its way, to the one before about the same subject. */
  readonly answer: T | null;
  readonly failure: StudioError | null;
  /** Whether the answer to the request as it is now is still to come. */
  readonly isBusy: boolean;
}

interface Shown<T> extends Omit<Asked<T>, 'isBusy'> {
  readonly subject: string;
  /** The request that this answers. */
  readonly answered: string | null;
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
  const [shown, setShown] = useState<Shown<Answer>>({
    answer: null,
    failure: null,
    answered: null,
    subject,
  });
  // Two requests are the same when they say the same.
  const written = request === null ? null : JSON.stringify(request);
  useEffect(() => {
    if (written === null) return undefined;
    let isCurrent = true;
    const show = (change: Partial<Shown<Answer>>): void => {
      if (isCurrent) setShown((known) => ({ ...forSubject(known, subject), ...change }));
    };
    const timer = setTimeout(() => {
      call(name, JSON.parse(written) as CallRequest<N>).then(
        (answer) => show({ answer, failure: null, answered: written }),
        (thrown: unknown) => {
          const error = errorOf(thrown);
          // That a later request took its place is no failure of a request.
          const failure = error.code === 'superseded' ? null : error;
          show({ answer: null, failure, answered: written });
        },
      );
    }, debounceMs);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [name, written, subject, debounceMs]);
  const { answer, failure, answered } = forSubject(shown, written === null ? '' : subject);
  return { answer, failure, isBusy: written !== answered };
}

function forSubject<T>(shown: Shown<T>, subject: string): Shown<T> {
  return shown.subject === subject ? shown : { answer: null, failure: null, answered: null, subject };
}
