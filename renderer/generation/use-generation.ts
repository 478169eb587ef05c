import { useCallback, useEffect, useRef, useState } from 'react';
import type { CallRequest, StudioError } from '../../preload/contract.ts';
import type { GenerationEvent } from '../../preload/generation-contract.ts';
import { call, errorOf } from '../studio/bridge.ts';
import { afterNews, hasEnded, nothingHeard, type HeardSource } from './heard.ts';

export interface Generation {
  /** In the order of the request; empty before the first. */
  readonly sources: readonly HeardSource[];
  readonly isRunning: boolean;
  readonly failure: StudioError | null;
  readonly start: (request: CallRequest<'generation:start'>) => void;
  /** One source, or all of them. */
  readonly stop: (index?: number) => void;
}

/** One generation at a time, as far as it has come; it stops when its screen is left. */
export function useGeneration(): Generation {
  const [sources, setSources] = useState<readonly HeardSource[]>([]);
  const [failure, setFailure] = useState<StudioError | null>(null);
  const [isStarting, setStarting] = useState(false);
  const current = useRef<string | null>(null);
  /** News may come before the answer that tells the generation's id. */
  const early = useRef<GenerationEvent[]>([]);
  const isGone = useRef(false);
  useEffect(() => {
    isGone.current = false;
    const forget = window.studio.listen('generation:event', (news) => {
      if (news.generationId === current.current) setSources((known) => afterNews(known, news));
      else if (current.current === null) early.current.push(news);
    });
    return () => {
      forget();
      isGone.current = true;
      if (current.current !== null) void call('generation:stop', { generationId: current.current });
    };
  }, []);
  const start = useCallback((request: CallRequest<'generation:start'>): void => {
    current.current = null;
    early.current = [];
    setFailure(null);
    setStarting(true);
    setSources(request.sources.map(() => nothingHeard));
    call('generation:start', request)
      .then(({ generationId }) => {
        current.current = generationId;
        // The screen was left before the answer came.
        if (isGone.current) void call('generation:stop', { generationId });
        const heard = early.current.filter((news) => news.generationId === generationId);
        setSources((known) => heard.reduce<readonly HeardSource[]>(afterNews, known));
      })
      .catch((thrown: unknown) => {
        setSources([]);
        setFailure(errorOf(thrown));
      })
      .finally(() => setStarting(false));
  }, []);
  const stop = useCallback((index?: number): void => {
    const generationId = current.current;
    if (generationId === null) return;
    call('generation:stop', { generationId, ...(index !== undefined && { index }) }).catch(
      (thrown: unknown) => setFailure(errorOf(thrown)),
    );
  }, []);
  const isRunning = isStarting || sources.some((source) => !hasEnded(source));
  return { sources, isRunning, failure, start, stop };
}
