import type { ReactNode } from 'react';
import { Term, type TermName } from '../glossary/term.tsx';

export interface Fact {
  readonly name: string;
  readonly value: ReactNode;
  readonly term?: TermName;
}

/** Names and values, one under the other or in as many columns as fit. */
export function Facts({
  facts,
  isWide = false,
}: {
  readonly facts: readonly Fact[];
  readonly isWide?: boolean;
}): ReactNode {
  return (
    <dl className={isWide ? 'facts two-columns' : 'facts'}>
      {facts.map(({ name, value, term }) => (
        <div key={name}>
          <dt>{term === undefined ? name : <Term name={term}>{name}</Term>}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
