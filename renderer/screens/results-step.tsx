import { useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PruneSettings, RunDetail, RunReport, RunSummary } from '../../preload/contract.ts';
import type { TrainingCurves } from '../../preload/recovery-contract.ts';
import { DifferenceChart } from '../charts/difference-chart.tsx';
import { WidthsChart } from '../charts/widths-chart.tsx';
import { NumbersTable } from '../compare/numbers-table.tsx';
import { TasksChart } from '../compare/tasks-chart.tsx';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { copyText } from '../components/clipboard.ts';
import { CopyButton } from '../components/copy-button.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Facts } from '../components/facts.tsx';
import { MapTable } from '../components/map-table.tsx';
import { ExploredMap } from '../components/explored-map.tsx';
import { ImportanceLink } from '../importance/importance-link.tsx';
import { NewRunButton } from '../components/new-run-button.tsx';
import { Panel } from '../components/panel.tsx';
import { Screen } from '../components/screen.tsx';
import { useMapHeight } from '../components/use-map-height.ts';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { Term } from '../glossary/term.tsx';
import { isEvaluationRun } from '../studio/run-kind.ts';
import { useFormats } from '../language/use-formats.ts';
import type { MapLayer } from '../model-map/map-layers.ts';
import { mapOfRun } from '../model-map/map-of-run.ts';
import { modeOf, shareTerms } from '../plan/plan-modes.ts';
import { modelsOf, returnedShare } from '../recovery/recovered-models.ts';
import { RecoveryPanel } from '../recovery/recovery-panel.tsx';
import { LossChart } from '../recovery/training-charts.tsx';
import { CalibrationPanel } from '../results/calibration-panel.tsx';
import { useRunActions } from '../studio/use-run-actions.ts';
import { useRunDetail } from '../studio/use-run-detail.ts';
import { useAsked } from '../wizard/use-asked.ts';
import { useRunSetup } from '../wizard/use-run-setup.ts';

/** Step 6: what the run came to. */
export function ResultsStep({ runId }: { readonly runId: string }): ReactNode {
  const { t } = useTranslation();
  const actions = useRunActions();
  const { detail, run, curves, failure } = useRunDetail(runId);
  const openSetup = useRunSetup(detail);
  const report = run?.report ?? null;
  const models = report && modelsOf(report);
  const isEvaluation = run !== null && isEvaluationRun(run);
  return (
    <Screen
      title={run ? t(`results.${titleOf(run)}`, { model: run.modelName }) : t('steps.results')}
      subtitle={run && report && !isEvaluation && <Verdict report={report} />}
      primary={
        run && {
          label: t('actions.openFolder'),
          onAct: () => void actions.openFolder(runId),
        }
      }
      actions={<NewRunButton openSetup={openSetup} />}
      above={
        <>
          <WizardSteps
            current="results"
            runId={runId}
            isFinished={run?.state === 'finished'}
            isEvaluation={isEvaluation}
            openSetup={openSetup}
          />
          <BeforeAfterBar
            before={models?.before ?? null}
            after={isEvaluation ? null : (models?.after ?? null)}
            recovered={models?.recovered ?? null}
            control={models?.control ?? null}
            isPredicted={false}
          />
        </>
      }
    >
      {failure && run === null && <ErrorNotice error={failure} />}
      {run && report === null && <p className="empty">{t('steps.notFinished')}</p>}
      {run && report && <ResultsBody run={run} report={report} detail={detail} curves={curves} />}
    </Screen>
  );
}

function titleOf(run: RunSummary): 'recoveredTitle' | 'evaluatedTitle' | 'title' {
  if (run.report?.recovery) return 'recoveredTitle';
  return run.report && isEvaluationRun(run) ? 'evaluatedTitle' : 'title';
}

/** Rises of perplexity up to which a model is close to what it was, and up to which training usually brings it back. */
const closeRise = 0.1;
const recoverableRise = 0.5;

/** The run in two sentences: what was saved, and what it cost. */
function Verdict({ report }: { readonly report: RunReport }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { before, after } = report;
  const fewer = t('results.fewer', { percent: formats.percent(report.removedOfParameters) });
  if (before.perplexity === null || after.perplexity === null)
    return (
      <p className="verdict">
        <strong>{fewer}</strong>
        {t('words.gap')}
        {t('results.notMeasured')}
      </p>
    );
  const recovered = report.recovery?.recovered.perplexity ?? null;
  const rise = (recovered ?? after.perplexity) / before.perplexity - 1;
  const judgement = rise <= closeRise ? 'close' : rise <= recoverableRise ? 'recoverable' : 'far';
  // Who trained it already is not told to train it.
  const advice = recovered === null || judgement === 'close' ? judgement : (`${judgement}Trained` as const);
  return (
    <p className="verdict">
      <strong>
        {fewer}
        {t('words.gap')}
        {recovered === null
          ? t('results.perplexityFromTo', {
              before: formats.perplexity(before.perplexity),
              after: formats.perplexity(after.perplexity),
            })
          : t('results.perplexityRecovered', {
              before: formats.perplexity(before.perplexity),
              after: formats.perplexity(after.perplexity),
              recovered: formats.perplexity(recovered),
            })}
        <Returned report={report} />
      </strong>
      {t('words.gap')}
      {t(`results.judgements.${advice}`)}
    </p>
  );
}

/** How much of what pruning cost came back, in a sentence. */
function Returned({ report }: { readonly report: RunReport }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const returned = returnedShare(report);
  if (returned === null) return null;
  return (
    <>
      {t('words.gap')}
      {returned > 0 ? t('results.returned', { percent: formats.percent(returned) }) : t('results.lostMore')}
    </>
  );
}

function ResultsBody({
  run,
  report,
  detail,
  curves,
}: {
  readonly run: RunSummary;
  readonly report: RunReport;
  readonly detail: RunDetail | null;
  readonly curves: TrainingCurves;
}): ReactNode {
  const { t } = useTranslation();
  const isEvaluation = isEvaluationRun(run);
  const layers = useMemo(() => mapOfRun(run, report.windows, detail), [run, report.windows, detail]);
  return (
    <div className="results">
      <ResultsMap
        title={t(isEvaluation ? 'results.evaluatedMap' : 'results.map')}
        layers={layers}
        detail={detail}
      />
      <Measured runId={run.id} />
      {report.recovery && <LossChart curves={curves} height={240} />}
      {report.recovery && <RecoveryPanel recovery={report.recovery} performance={report.performance} />}
      {!isEvaluation && <DifferenceChart report={report} />}
      {!isEvaluation && <HowItWasMade report={report} prune={detail?.settings.prune ?? null} />}
      {!isEvaluation && <WidthsChart kind="heads" layers={run.layers} />}
      {!isEvaluation && <WidthsChart kind="mlpWidth" layers={run.layers} />}
      {detail && <RecipePanel detail={detail} />}
      {!isEvaluation && <WidthsTablePanel layers={layers} />}
      <CalibrationPanel runId={run.id} />
    </div>
  );
}

/** Every number of the run's models, tasks and times among them, beside published rows of the same recipe. */
function Measured({ runId }: { readonly runId: string }): ReactNode {
  const [baseline, setBaseline] = useState<string | null>(null);
  const request = { runs: [{ runId, roles: null }], modelIds: [], baseline, published: true };
  const { answer: comparison, failure } = useAsked('compare:models', request, runId, 0);
  if (failure) return <ErrorNotice error={failure} />;
  if (comparison === null) return null;
  return (
    <>
      <NumbersTable comparison={comparison} switchesDigits={false} onBaseline={setBaseline} />
      <TasksChart comparison={comparison} />
    </>
  );
}

function ResultsMap({
  title,
  layers,
  detail,
}: {
  readonly title: string;
  readonly layers: readonly MapLayer[];
  readonly detail: RunDetail | null;
}): ReactNode {
  const height = useMapHeight(320, 460);
  return (
    <Panel title={title} className="map-panel results-map" actions={<ImportanceLink detail={detail} />}>
      <ExploredMap layers={layers} removal="done" height={height} />
    </Panel>
  );
}

function HowItWasMade({
  report,
  prune,
}: {
  readonly report: RunReport;
  readonly prune: PruneSettings | null;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { windows, calibration, evaluation, hiddenSize } = report;
  const mode = modeOf(prune ?? {});
  const layersOf = ([from, to]: readonly [number, number]): string =>
    from === to ? t('plan.noLayers') : t('plan.layersFromTo', { from, to: to - 1, count: to - from });
  return (
    <Panel title={t('results.how')}>
      <Facts
        facts={[
          ...(mode === 'layer'
            ? [
                {
                  name: t('plan.drop'),
                  term: 'drop' as const,
                  value: t(`plan.drops.${prune?.drop ?? 'least-influence'}.name`),
                },
              ]
            : [
                {
                  name: t('plan.criterion'),
                  term: 'criterion' as const,
                  value: t(`criteria.${report.criterion as 'random'}.name`, {
                    defaultValue: report.criterion,
                  }),
                },
                {
                  name: t('plan.aggregation'),
                  term: 'aggregation' as const,
                  value: t(`aggregations.${report.aggregation as 'sum'}.name`, {
                    defaultValue: report.aggregation,
                  }),
                },
              ]),
          {
            name: t(`plan.shares.${mode}`),
            term: shareTerms[mode],
            value: formats.percent(report.ratioInWindow),
          },
          { name: t('plan.ofAll'), term: 'ratioOfAll', value: formats.percent(report.removedOfParameters) },
          ...(hiddenSize
            ? [
                {
                  name: t('model.hiddenSize'),
                  term: 'hiddenSize' as const,
                  value: `${formats.count(hiddenSize.before)} → ${formats.count(hiddenSize.after)}`,
                },
              ]
            : []),
          ...(mode === 'block'
            ? (['attention', 'mlp'] as const).map((kind) => ({
                name: t(`plan.windows.${kind}`),
                term: 'window' as const,
                value: layersOf(windows[kind]),
              }))
            : []),
          {
            name: t('data.calibration'),
            term: 'calibration',
            value: calibration
              ? t('results.calibrationOf', {
                  rows: formats.count(calibration.rows),
                  tokens: formats.count(calibration.tokens),
                })
              : '–',
          },
          {
            name: t('run.calibrationLoss'),
            term: 'calibrationLoss',
            value: calibration ? formats.loss(calibration.loss) : '–',
          },
          {
            name: t('data.evaluation'),
            term: 'evaluation',
            value: evaluation
              ? t('results.evaluationOf', {
                  chunks: formats.count(evaluation.chunks),
                  seqLen: formats.count(evaluation.seqLen),
                })
              : '–',
          },
        ]}
      />
    </Panel>
  );
}

function RecipePanel({ detail }: { readonly detail: RunDetail }): ReactNode {
  const { t } = useTranslation();
  const wasPruned = (detail.run.report?.removedOfParameters ?? 0) > 0;
  return (
    <Panel
      title={<Term name="recipe">{t('results.recipe')}</Term>}
      actions={<CopyButton label={t('actions.copy')} onCopy={() => copyText(detail.recipe)} />}
    >
      <pre className="log recipe" tabIndex={0} role="group" aria-label={t('results.recipe')}>
        {detail.recipe}
      </pre>
      <p className="path">
        <span className="quiet">{t('results.folder')}</span> <code>{detail.folder}</code>
      </p>
      {wasPruned && (
        <p className="path">
          <span className="quiet">{t('results.modelFolder')}</span> <code>{detail.modelFolder}</code>
        </p>
      )}
      {detail.recoveredFolder !== null && (
        <p className="path">
          <span className="quiet">
            {t(
              detail.settings.recover?.output === 'adapter'
                ? 'results.adapterFolder'
                : 'results.recoveredFolder',
            )}
          </span>{' '}
          <code>{detail.recoveredFolder}</code>
        </p>
      )}
    </Panel>
  );
}

function WidthsTablePanel({ layers }: { readonly layers: readonly MapLayer[] }): ReactNode {
  const { t } = useTranslation();
  return (
    <Panel title={t('results.widths')} className="widths-table">
      <div className="table-scroll" tabIndex={0} role="group" aria-label={t('results.widths')}>
        <MapTable layers={layers} />
      </div>
    </Panel>
  );
}
