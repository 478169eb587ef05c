import { InputNumber } from 'antd';
import { useId, type ReactNode } from 'react';
import type { TermName } from '../glossary/term.tsx';
import { Field } from './field.tsx';

export function NumberField({
  label,
  term,
  value,
  min,
  max,
  step = 1,
  isWhole = true,
  placeholder,
  onChange,
}: {
  readonly label: string;
  readonly term: TermName;
  readonly value: number | null;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly isWhole?: boolean;
  /** What an empty field means, where it may be empty. */
  readonly placeholder?: string;
  readonly onChange: (value: number | null) => void;
}): ReactNode {
  const id = useId();
  return (
    <Field controlId={id} label={label} term={term}>
      <InputNumber
        id={id}
        value={value}
        min={min}
        max={max}
        step={step}
        {...(isWhole && { precision: 0 })}
        placeholder={placeholder}
        onChange={onChange}
      />
    </Field>
  );
}
