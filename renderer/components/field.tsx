import type { ReactNode } from 'react';
import { Term, type TermName } from '../glossary/term.tsx';

export interface FieldProps {
  /** The id of the control that the label is for. */
  readonly controlId: string;
  readonly label: string;
  readonly term: TermName;
  /** One line below the control. */
  readonly remark?: ReactNode;
  readonly beside?: ReactNode;
  readonly children: ReactNode;
}

/** A labelled control; the label explains its term. */
export function Field({ controlId, label, term, remark, beside, children }: FieldProps): ReactNode {
  return (
    <div className="field">
      <div className="field-label">
        <Term name={term}>
          <label htmlFor={controlId}>{label}</label>
        </Term>
        {beside}
      </div>
      {children}
      {remark !== undefined && <p className="field-remark">{remark}</p>}
    </div>
  );
}
