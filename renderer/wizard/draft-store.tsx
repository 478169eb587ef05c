import { createContext, use, useEffect, useReducer, type Dispatch, type ReactNode } from 'react';
import { draftReducer, emptyDraft, type Draft, type DraftAction } from './draft.ts';

interface DraftStore {
  readonly draft: Draft;
  readonly dispatch: Dispatch<DraftAction>;
}

const DraftContext = createContext<DraftStore>({ draft: emptyDraft, dispatch: () => undefined });

const storageKey = 'draft';

/** Holds the draft for all screens; a reload of the window finds it again. */
export function DraftProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [draft, dispatch] = useReducer(draftReducer, emptyDraft, storedDraft);
  useEffect(() => {
    window.sessionStorage.setItem(storageKey, JSON.stringify(draft));
  }, [draft]);
  return <DraftContext value={{ draft, dispatch }}>{children}</DraftContext>;
}

export function useDraft(): DraftStore {
  return use(DraftContext);
}

/** Only this window writes the entry, and the storage ends with it; a draft of an older page is dropped. */
function storedDraft(): Draft {
  try {
    const stored = JSON.parse(window.sessionStorage.getItem(storageKey) ?? 'null') as Draft | null;
    return stored === null ? emptyDraft : { ...emptyDraft, ...stored };
  } catch {
    return emptyDraft;
  }
}
