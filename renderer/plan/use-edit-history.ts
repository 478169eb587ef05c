import { useRef, useState } from 'react';
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
  const past = useRef<PlanEdits[]>([]);
  const [depth, setDepth] = useState(0);
  const current = edits ?? noEdits;
  return {
    edits: current,
    change: (next) => {
      past.current = [...past.current, current].slice(-mostRemembered);
      setDepth(past.current.length);
      onChange(settledEdits(next));
    },
    canUndo: depth > 0,
    undo: () => {
      const before = past.current.pop();
      setDepth(past.current.length);
      if (before !== undefined) onChange(settledEdits(before));
    },
  };
}
