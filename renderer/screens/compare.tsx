import { Button, Segmented } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { AddModels, Chooser } from '../compare/chooser.tsx';
import { ExportButtons, useComparisonExport, type ComparisonExport } from '../compare/export-buttons.tsx';
import { LayerWidths } from '../compare/layer-widths.tsx';
import { NumbersTable } from '../compare/numbers-table.tsx';
import { QualityChart } from '../compare/quality-chart.tsx';
import { RecipesPanel } from '../compare/recipes-panel.tsx';
import { requestOf, useCompareSelection, type Selection } from '../compare/selection-store.tsx';
import { TasksChart } from '../compare/tasks-chart.tsx';
import { TwoMaps } from '../compare/two-maps.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Screen, type PrimaryAction } from '../components/screen.tsx';
import { GenerationView } from '../generation/generation-view.tsx';
import { useGenerationDesk } from '../generation/use-generation-desk.ts';
import { go } from '../studio/route.ts';
import { useStudio } from '../studio/studio-store.ts';
import { useAsked } from '../wizard/use-asked.ts';

const views = ['numbers', 'generation'] as const;
type View = (typeof views)[number];

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
  const [view, setView] = useState<View>('numbers');
  const desk = useGenerationDesk(comparison, view === 'generation');
  const shown = comparison !== null && comparison.models.length > 0 ? comparison : null;
  return (
    <Screen
      title={t('compare.title')}
      subtitle={
        file.saved === null || view === 'generation'
          ? t('compare.subtitle')
          : t('compare.saved', { path: file.saved })
      }
      primary={
        shown && (view === 'generation' ? desk.primary : exportAction(file, t('compare.formats.html')))
      }
      actions={shown && view === 'numbers' && <ExportButtons {...file} />}
    >
      {isEmpty && <NothingChosen />}
      {failure && <ErrorNotice error={failure} />}
      {shown && (
        <Segmented<View>
          name="compare-view"
          className="compare-view"
          aria-label={t('compare.view')}
          value={view}
          options={views.map((value) => ({ value, label: t(`compare.views.${value}`) }))}
          onChange={setView}
        />
      )}
      {!isEmpty && (shown === null || view === 'numbers') && <Chooser />}
      {shown && view === 'generation' && <GenerationView desk={desk} />}
      {shown && view === 'numbers' && (
        <div className="results">
          <NumbersTable comparison={shown} onBaseline={(baseline) => change({ baseline })} />
          <TasksChart comparison={shown} />
          <QualityChart comparison={shown} />
          <LayerWidths kind="heads" comparison={shown} />
          <LayerWidths kind="mlpWidth" comparison={shown} />
          <TwoMaps comparison={shown} />
          <RecipesPanel recipes={shown.recipes} />
        </div>
      )}
    </Screen>
  );
}

const exportAction = ({ save, isBusy }: ComparisonExport, label: string): PrimaryAction => ({
  label,
  onAct: () => void save('html'),
  isBusy,
});

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
