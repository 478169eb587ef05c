import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Comparison } from '../../preload/comparison-contract.ts';
import { Panel } from '../components/panel.tsx';
import { Term } from '../glossary/term.tsx';

/** What the recipes of the runs differ in, and nothing else. */
export function RecipesPanel({ recipes }: Pick<Comparison, 'recipes'>): ReactNode {
  const { t } = useTranslation();
  const { runs, differences } = recipes;
  if (runs.length < 2) return null;
  return (
    <Panel title={<Term name="recipe">{t('compare.recipes')}</Term>} className="wide">
      {differences.length === 0 ? (
        <p className="quiet">{t('compare.sameRecipes')}</p>
      ) : (
        <div className="table-scroll" tabIndex={0} role="group" aria-label={t('compare.recipes')}>
          <table className="data-table recipes-table">
            <thead>
              <tr>
                <th scope="col">{t('compare.key')}</th>
                {runs.map(({ runId, name }) => (
                  <th scope="col" key={runId} className="words">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {differences.map(({ key, values }) => (
                <tr key={key}>
                  <th scope="row">
                    <code>{key}</code>
                  </th>
                  {values.map((value, i) => (
                    <td key={runs[i].runId} className="words">
                      <code>{value ?? '–'}</code>
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
