import { Button } from 'antd';
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RunDetail, RunProgress, RunStage, RunSummary } from '../../preload/contract.ts';
import type { TrainingCurves } from '../../preload/recovery-contract.ts';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Facts } from '../components/facts.tsx';
import { ExploredMap } from '../components/explored-map.tsx';
import { ImportanceLink } from '../importance/importance-link.tsx';
import { LogPanel } from '../components/log-panel.tsx';
import { NewRunButton } from '../components/new-run-button.tsx';
import { Panel } from '../components/panel.tsx';
import { RunStateTag } from '../components/run-state-tag.tsx';
import { Screen, type PrimaryAction } from '../components/screen.tsx';
import { StageTrack } from '../components/stage-track.tsx';
import { useMapHeight } from '../components/use-map-height.ts';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import type { MapLayer } from '../model-map/map-layers.ts';
import { mapOfRun } from '../model-map/map-of-run.ts';
import { modelsSoFar } from '../recovery/recovered-models.ts';
import { TrainingAtWork, TrainingNumbers } from '../recovery/training-panel.tsx';
import { layerAtWork, runMetrics, stagesOf } from '../studio/progress.ts';
import { isEvaluationRun } from '../studio/run-kind.ts';
import { measuresPerplexity, recipeWindows } from '../studio/recipe-keys.ts';
import { go } from '../studio/route.ts';
import { useRunActions } from '../studio/use-run-actions.ts';
import { useRunDetail } from '../studio/use-run-detail.ts';
import { usesGradient } from '../plan/plan-modes.ts';
import { useRunSetup, type OpenRunSetup } from '../wizard/use-run-setup.ts';
import { canResume, isUnderWay } from './home.tsx';

/** Step 5: the run at work, or where it stopped. */
export function RunStep({ runId }: { readonly runId: string }): ReactNode {
  const { t } = useTranslation();
  const { detail, run, progress, curves, failure } = useRunDetail(runId);
  const primary = usePrimary(run);
  const openSetup = useRunSetup(detail);
  const fix = useFix(openSetup, progress, detail);
  const models = run && modelsSoFar(run, detail?.planned ?? null, progress);
  return (
    <Screen
      title={run ? t(titleKey(run, progress), { model: run.modelName }) : t('steps.run')}
      subtitle={run && <RunStateTag run={run} />}
      primary={primary}
      actions={run && (isUnderWay(run) ? <StopButtons run={run} /> : <NewRunButton openSetup={openSetup} />)}
      above={
        <>
          <WizardSteps
            current="run"
            runId={runId}
            isFinished={run?.state === 'finished'}
            isEvaluation={run !== null && isEvaluationRun(run)}
            openSetup={openSetup}
          />
          <BeforeAfterBar
            before={models?.before ?? null}
            after={models?.after ?? null}
            recovered={models?.recovered ?? null}
            control={models?.control ?? null}
            isPredicted={run?.state !== 'finished'}
          />
        </>
      }
    >
      {failure && run === null && <ErrorNotice error={failure} />}
      {progress?.error && run?.state === 'failed' && (
        <ErrorNotice
          error={progress.error}
          {...(hasDiverged(progress) && { advice: t('run.diverged') })}
          {...(fix && { action: fix })}
        />
      )}
      {run?.state === 'interrupted' && <p className="warning-notice">{t('run.interrupted')}</p>}
      {run && progress && <KeptTraining run={run} progress={progress} />}
      {run && progress && <RunAtWork run={run} progress={progress} detail={detail} curves={curves} />}
    </Screen>
  );
}

function usePrimary(run: RunSummary | null): PrimaryAction | null {
  const { t } = useTranslation();
  const actions = useRunActions();
  if (run === null) return null;
  if (canResume(run)) return { label: t('actions.resume'), onAct: () => void actions.resume(run.id) };
  return {
    label: t('actions.toResults'),
    onAct: () => go({ screen: 'run', runId: run.id, view: 'results' }),
    blockedBy: run.state === 'finished' ? null : t('steps.notFinished'),
  };
}

const isTraining = (stage: RunStage | null): boolean => stage === 'recover' || stage === 'recover-control';

function titleKey(
  { state }: RunSummary,
  progress: RunProgress | null,
): 'run.title' | 'run.titleTraining' | 'run.titleOver' {
  if (state !== 'running') return 'run.titleOver';
  return isTraining(progress?.stage ?? null) ? 'run.titleTraining' : 'run.title';
}

/** A training that is refused by its own numbers: going on from there only meets them again. */
const hasDiverged = ({ error }: RunProgress): boolean => error?.code === 'training-diverged';

/** What helps against an error that resuming would only meet again: other data, another plan or another training. */
function useFix(
  openSetup: OpenRunSetup | null,
  progress: RunProgress | null,
  detail: RunDetail | null,
): { readonly label: string; readonly onAct: () => void } | null {
  const { t } = useTranslation();
  const error = progress?.error ?? null;
  if (progress === null || error === null || openSetup === null) return null;
  const recovery = {
    label: t('actions.changeRecovery'),
    onAct: () => openSetup('recovery', 'this-run'),
  };
  if (hasDiverged(progress)) return recovery;
  if (/^(text|row|tokenizer)-/.test(error.code)) {
    const path = detail?.texts.recovery?.path;
    if (path !== undefined && error.message.includes(path)) return recovery;
    return { label: t('actions.changeData'), onAct: () => openSetup('data', 'this-run') };
  }
  if (/^(ratio|window|recipe|memory)-/.test(error.code)) {
    if (error.message.includes('recover.')) return recovery;
    return { label: t('actions.changePlan'), onAct: () => openSetup('plan', 'this-run') };
  }
  return null;
}

/** A training that was stopped is not lost. */
function KeptTraining({
  run,
  progress,
}: {
  readonly run: RunSummary;
  readonly progress: RunProgress;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { stage, training } = progress;
  if (!canResume(run) || !isTraining(stage) || training === null || hasDiverged(progress)) return null;
  return (
    <p className="warning-notice">
      {t('run.trainingKept', { step: formats.count(training.step), steps: formats.count(training.steps) })}
    </p>
  );
}

/** Cancel first; once that was asked, there is the harder way. */
function StopButtons({ run }: { readonly run: RunSummary }): ReactNode {
  const { t } = useTranslation();
  const actions = useRunActions();
  return (
    <>
      {run.cancelling && (
        <ConfirmButton
          label={t('actions.kill')}
          question={t('run.killTitle')}
          consequence={t('run.killText')}
          confirm={t('actions.kill')}
          refuse={t('actions.wait')}
          button={{ danger: true }}
          onConfirm={() => void actions.kill(run.id)}
        />
      )}
      <Button disabled={run.cancelling} onClick={() => void actions.cancel(run.id)}>
        {run.cancelling ? t('run.cancelling') : t('actions.cancelRun')}
      </Button>
    </>
  );
}

function RunAtWork({
  run,
  progress,
  detail,
  curves,
}: {
  readonly run: RunSummary;
  readonly progress: RunProgress;
  readonly detail: RunDetail | null;
  readonly curves: TrainingCurves;
}): ReactNode {
  const { t } = useTranslation();
  const height = useMapHeight(300, 500);
  const layers = useMemo(() => mapOfRun(run, detail && recipeWindows(detail.recipe), detail), [run, detail]);
  const active = run.state === 'running' ? workingLayer(run, progress, detail, layers) : null;
  return (
    <div className="columns run-columns">
      <div className="column">
        <StagesPanel run={run} progress={progress} recipe={detail?.recipe ?? null} />
        <TrainingNumbers training={progress.training} />
        <LiveNumbers run={run} progress={progress} />
      </div>
      <div className="column">
        <TrainingAtWork curves={curves} lossHeight={220} />
        <Panel title={t('map.title')} className="map-panel" actions={<ImportanceLink detail={detail} />}>
          <ExploredMap
            layers={layers}
            removal={run.state === 'finished' ? 'done' : 'planned'}
            activeLayer={active}
            height={height}
          />
        </Panel>
        <LogPanel lines={progress.log} />
      </div>
    </div>
  );
}

function workingLayer(
  run: RunSummary,
  progress: RunProgress,
  detail: RunDetail | null,
  layers: readonly MapLayer[],
): number | null {
  const toScore = layers.flatMap((layer, i) => (layer.attentionLocked && layer.mlpLocked ? [] : [i]));
  return layerAtWork(
    progress,
    {
      layerCount: layers.length,
      toScore: new Set(toScore),
      scored: new Set(detail?.scores.map(({ layer }) => layer) ?? []),
    },
    usesGradient(run.criterion),
  );
}

function StagesPanel({
  run,
  progress,
  recipe,
}: {
  readonly run: RunSummary;
  readonly progress: RunProgress;
  readonly recipe: string | null;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const isFinished = run.state === 'finished';
  const isRunning = run.state === 'running';
  const hasEvaluation = recipe === null || measuresPerplexity(recipe);
  return (
    <Panel title={t('run.stages')}>
      <ol className="stages">
        {progress.preparation !== null && (
          <li className="now">
            <span className="stage-name">{t('run.preparing')}</span>
            <span className="number">{formats.wholePercent(progress.preparation)}</span>
            <StageTrack name={t('run.preparing')} fraction={progress.preparation} />
          </li>
        )}
        {stagesOf(run.stages, progress, isFinished).map(({ stage, state, fraction }) => {
          const isSkipped = state === 'skipped' || (!hasEvaluation && stage.startsWith('evaluate'));
          return (
            <li key={stage} className={isSkipped ? 'skipped' : state}>
              <span className="stage-name">
                <Term name={`stage-${stage}`}>{t(`stages.${stage}.name`)}</Term>
              </span>
              <span className="number">
                {isSkipped
                  ? t('run.skipped')
                  : state === 'done'
                    ? t('run.done')
                    : state === 'now'
                      ? formats.wholePercent(fraction)
                      : ''}
              </span>
              <StageTrack name={t(`stages.${stage}.name`)} fraction={isSkipped ? 0 : fraction} />
            </li>
          );
        })}
      </ol>
      <dl className="run-clock">
        <div>
          <dt>{t('run.timeLeft')}</dt>
          <dd>
            {isRunning ? (
              progress.timeLeftMs === null ? (
                <span className="quiet">{t('run.estimating')}</span>
              ) : (
                formats.clock(progress.timeLeftMs)
              )
            ) : (
              '–'
            )}
          </dd>
        </div>
        <div>
          <dt>{t('run.elapsed')}</dt>
          <dd>
            <Elapsed progress={progress} isRunning={isRunning} />
          </dd>
        </div>
      </dl>
    </Panel>
  );
}

function Elapsed({
  progress: { startedAt, endedAt = null },
  isRunning,
}: {
  readonly progress: RunProgress;
  readonly isRunning: boolean;
}): ReactNode {
  const formats = useFormats();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isRunning]);
  if (startedAt === null || (!isRunning && endedAt === null)) return '–';
  const end = isRunning || endedAt === null ? now : Date.parse(endedAt);
  return formats.clock(end - Date.parse(startedAt));
}

function LiveNumbers({
  run,
  progress,
}: {
  readonly run: RunSummary;
  readonly progress: RunProgress;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { metrics, memoryBytes, peakMemoryBytes } = progress;
  const metric = (name: string, format: (value: number) => string): string =>
    metrics[name] === undefined ? '–' : format(metrics[name]);
  return (
    <Panel title={t('run.numbers')}>
      <Facts
        facts={[
          {
            name: t('run.perplexityBefore'),
            term: 'perplexity',
            value: metric(runMetrics.perplexityBefore, formats.perplexity),
          },
          {
            name: t('run.calibrationLoss'),
            term: 'calibrationLoss',
            value: metric(runMetrics.calibrationLoss, formats.loss),
          },
          {
            name: t('run.perplexityAfter'),
            term: 'perplexity',
            value: metric(runMetrics.perplexityAfter, formats.perplexity),
          },
          ...(run.stages.includes('recover')
            ? [
                {
                  name: t('run.perplexityRecovered'),
                  term: 'perplexity' as const,
                  value: metric(runMetrics.perplexityRecovered, formats.perplexity),
                },
              ]
            : []),
          {
            name: t('run.memory'),
            term: 'memoryInUse',
            value: run.state === 'running' && memoryBytes !== null ? formats.bytes(memoryBytes) : '–',
          },
          {
            name: t('run.peakMemory'),
            term: 'memoryInUse',
            value: peakMemoryBytes === null ? '–' : formats.bytes(peakMemoryBytes),
          },
        ]}
      />
    </Panel>
  );
}
