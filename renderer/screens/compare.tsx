import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { AddModels, Chooser } from '../compare/chooser.tsx';
import { ExportButtons, useComparisonExport } from '../compare/export-buttons.tsx';
import { LayerWidths } from '../compare/layer-widths.tsx';
import { NumbersTable } from '../compare/numbers-table.tsx';
import { QualityChart } from '../compare/quality-chart.tsx';
import { RecipesPanel } from '../compare/recipes-panel.tsx';
import { requestOf, useCompareSelection, type Selection } from '../compare/selection-store.tsx';
import { TasksChart } from '../compare/tasks-chart.tsx';
import { TwoMaps } from '../compare/two-maps.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Screen } from '../components/screen.tsx';
import { go } from '../studio/route.ts';
import { useStudio } from '../studio/studio-store.ts';
import { useAsked } from '../wizard/use-asked.ts';

/** Any number of models side by side: what was gained, what was lost. */
export function CompareScreen(): ReactNode {
  const { t } = useTranslation();
  const { change } = useCompareSelection();
  const selection = useLivingSelection();
  const isEmpty = selection.runs.length + selection.models.length === 0;
  const { answer: comparison, failure } = useAsked(
    'compare:models',
    isEmpty ? null : requestOf(selection),
    'comparison',
    0,
  );
  const file = useComparisonExport();
  return (
    <Screen
      title={t('compare.title')}
      subtitle={file.saved === null ? t('compare.subtitle') : t('compare.saved', { path: file.saved })}
      primary={
        comparison && {
          label: t('compare.formats.html'),
          onAct: () => void file.save('html'),
          isBusy: file.isBusy,
        }
      }
      actions={comparison && <ExportButtons {...file} />}
    >
      {isEmpty ? <NothingChosen /> : <Chooser />}
      {failure && <ErrorNotice error={failure} />}
      {comparison && comparison.models.length > 0 && (
        <div className="results">
          <NumbersTable comparison={comparison} onBaseline={(baseline) => change({ baseline })} />
          <TasksChart comparison={comparison} />
          <QualityChart comparison={comparison} />
          <LayerWidths kind="heads" comparison={comparison} />
          <LayerWidths kind="mlpWidth" comparison={comparison} />
          <TwoMaps comparison={comparison} />
          <RecipesPanel recipes={comparison.recipes} />
        </div>
      )}
    </Screen>
  );
}

/** The selection without runs that were deleted since. */
function useLivingSelection(): Selection {
  const { selection } = useCompareSelection();
  const runs = useStudio((state) => state.runs);
  if (runs === null) return selection;
  const living = selection.runs.filter(({ runId }) =>
    runs.some(({ id, report }) => id === runId && report !== null),
  );
  return { ...selection, runs: living };
}

function NothingChosen(): ReactNode {
  const { t } = useTranslation();
  const hasRuns = useStudio((state) => state.runs?.some(({ report }) => report !== null) ?? false);
  return (
    <div className="empty">
      <p>{t(hasRuns ? 'compare.empty' : 'compare.emptyWithoutRuns')}</p>
      <div className="empty-actions">
        {hasRuns && <Button onClick={() => go({ screen: 'runs' })}>{t('compare.toRuns')}</Button>}
        <AddModels />
      </div>
    </div>
  );
}
