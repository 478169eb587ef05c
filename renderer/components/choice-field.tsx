import { Segmented } from 'antd';
import type { ReactNode } from 'react';
import { Term, type TermName } from '../glossary/term.tsx';

export interface ChoiceFieldProps<T extends string> {
  /** Of the group of radio buttons, for the keyboard; one a page. */
  readonly name: string;
  readonly label: string;
  readonly term: TermName;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly label: string }[];
  readonly isDisabled?: boolean;
  /** One line below the choices. */
  readonly remark?: string;
  readonly onChange: (value: T) => void;
}

/** One of a few, all in sight; the label explains its term. */
export function ChoiceField<T extends string>(props: ChoiceFieldProps<T>): ReactNode {
  const { name, label, term, value, options, isDisabled = false, remark, onChange } = props;
  return (
    <div className="field">
      <div className="field-label">
        <Term name={term}>{label}</Term>
      </div>
      <Segmented<T>
        name={name}
        aria-label={label}
        disabled={isDisabled}
        value={value}
        options={[...options]}
        onChange={onChange}
      />
      {remark !== undefined && <p className="field-remark">{remark}</p>}
    </div>
  );
}
