import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Chain } from '../../preload/dependency-contract.ts';
import { leadingPart } from './chain-graph.tsx';

const rules = ['forward', 'backward', 'beyond', 'shared'] as const;

/** What the lines of the picture mean, of those that are in it. */
export function EdgeLegend({ chain }: { readonly chain: Chain }): ReactNode {
  const { t } = useTranslation();
  const present = new Set(chain.edges.map((edge) => leadingPart(edge)?.rule));
  return (
    <ul className="edge-legend">
      {rules
        .filter((rule) => present.has(rule))
        .map((rule) => (
          <li key={rule}>
            <span className={`edge-legend-line ${rule}`} />
            {t(`dependencies.legend.${rule}`)}
          </li>
        ))}
    </ul>
  );
}
