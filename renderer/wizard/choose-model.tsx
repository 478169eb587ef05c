import { createContext, use, useMemo, useRef, useState, type ReactNode } from 'react';
import type { Picked, StudioError } from '../../preload/contract.ts';
import { call, errorOf, grantDropped } from '../studio/bridge.ts';
import { go } from '../studio/route.ts';
import { useDraft } from './draft-store.tsx';

export interface ModelChoice {
  readonly isBusy: boolean;
  readonly failure: StudioError | null;
  readonly pick: () => void;
  readonly drop: (folder: File) => void;
  readonly useDemo: () => void;
  readonly useRecent: (model: Picked) => void;
}

const nothing = (): void => undefined;
const ModelChoiceContext = createContext<ModelChoice>({
  isBusy: false,
  failure: null,
  pick: nothing,
  drop: nothing,
  useDemo: nothing,
  useRecent: nothing,
});

/** The ways to a model, from any screen; all end in the Model step with what the folder told. */
export function ModelChoiceProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const { dispatch } = useDraft();
  const [state, setState] = useState<{ readonly isBusy: boolean; readonly failure: StudioError | null }>({
    isBusy: false,
    failure: null,
  });
  const lastAsked = useRef(0);

  const choice = useMemo(() => {
    const choose = async (find: () => Promise<Picked | null>, isDemo = false): Promise<void> => {
      const asked = ++lastAsked.current;
      setState({ isBusy: true, failure: null });
      try {
        const picked = await find();
        if (picked !== null) {
          go({ screen: 'new', step: 'model' });
          const model = await call('model:inspect', { modelId: picked.id });
          const texts = isDemo ? await call('text:demo', undefined) : null;
          // A later choice wins, whichever answer comes first.
          if (asked !== lastAsked.current) return;
          dispatch(texts ? { type: 'demo-chosen', model, ...texts } : { type: 'model-chosen', model });
        }
        if (asked === lastAsked.current) setState({ isBusy: false, failure: null });
      } catch (thrown) {
        if (asked === lastAsked.current) setState({ isBusy: false, failure: errorOf(thrown) });
        go({ screen: 'new', step: 'model' });
      }
    };
    return {
      pick: () => void choose(() => call('model:pick', undefined)),
      drop: (folder: File) => void choose(() => grantDropped(folder)),
      useDemo: () => void choose(() => call('model:demo', undefined), true),
      useRecent: (model: Picked) => void choose(async () => model),
    };
  }, [dispatch]);
  const value = useMemo(() => ({ ...choice, ...state }), [choice, state]);
  return <ModelChoiceContext value={value}>{children}</ModelChoiceContext>;
}

export function useModelChoice(): ModelChoice {
  return use(ModelChoiceContext);
}
