import { createContext, use, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { ComparisonRequest } from '../../preload/comparison-contract.ts';
import type { Picked } from '../../preload/contract.ts';

/** What a person chose to see side by side. */
export interface Selection extends Omit<ComparisonRequest, 'modelIds'> {
  readonly models: readonly Pick<Picked, 'id' | 'name'>[];
}

/** What is compared, and how it is changed. */
export interface CompareSelection {
  readonly selection: Selection;
  /** Compares these runs and nothing else. */
  readonly chooseRuns: (runIds: readonly string[]) => void;
  readonly change: (change: Partial<Selection>) => void;
}

const none: Selection = { runs: [], models: [], baseline: null, published: true };

const CompareContext = createContext<CompareSelection>({
  selection: none,
  chooseRuns: () => undefined,
  change: () => undefined,
});

const storageKey = 'compare';

/** Holds what is compared for all screens; a reload of the window finds it again. */
export function CompareSelectionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [selection, setSelection] = useState(stored);
  useEffect(() => {
    window.sessionStorage.setItem(storageKey, JSON.stringify(selection));
  }, [selection]);
  const value = useMemo(
    (): CompareSelection => ({
      selection,
      chooseRuns: (runIds) => setSelection({ ...none, runs: runIds.map(wholeRun) }),
      change: (change) => setSelection((known) => ({ ...known, ...change })),
    }),
    [selection],
  );
  return <CompareContext value={value}>{children}</CompareContext>;
}

export function useCompareSelection(): CompareSelection {
  return use(CompareContext);
}

/** A run with all the models that it has. */
export const wholeRun = (runId: string): Selection['runs'][number] => ({ runId, roles: null });

/** What main is asked for. */
export function requestOf({ models, ...selection }: Selection): ComparisonRequest {
  return { ...selection, modelIds: models.map(({ id }) => id) };
}

/** Only this window writes the entry, and the storage ends with it. */
function stored(): Selection {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(storageKey) ?? 'null') as Selection | null;
    return kept === null ? none : { ...none, ...kept };
  } catch {
    return none;
  }
}
