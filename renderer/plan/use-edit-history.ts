import { useState } from 'react';
import { noEdits, settledEdits, type PlanEdits } from './plan-edits.ts';

export interface EditHistory {
  readonly edits: PlanEdits;
  readonly change: (edits: PlanEdits) => void;
  readonly canUndo: boolean;
  readonly undo: () => void;
}

const mostRemembered = 100;

/** Edits of a plan that can be taken back, one after the other, while they are looked at. */
export function useEditHistory(
  edits: PlanEdits | undefined,
  onChange: (edits: PlanEdits | undefined) => void,
): EditHistory {
  const [past, setPast] = useState<readonly PlanEdits[]>([]);
  const current = edits ?? noEdits;
  return {
    edits: current,
    change: (next) => {
      setPast([...past, current].slice(-mostRemembered));
      onChange(settledEdits(next));
    },
    canUndo: past.length > 0,
    undo: () => {
      const before = past.at(-1);
      if (before === undefined) return;
      setPast(past.slice(0, -1));
      onChange(settledEdits(before));
    },
  };
}
