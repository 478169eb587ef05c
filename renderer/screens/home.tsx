import { Button } from 'antd';
import { useEffect, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlanPreview, RunSummary } from '../../preload/contract.ts';
import { HeldRuns } from '../components/held-runs.tsx';
import { ModelMapThumbnail } from '../components/model-map.tsx';
import { RouteLink } from '../components/route-link.tsx';
import { RunStateTag } from '../components/run-state-tag.tsx';
import { RunThumbnail } from '../components/run-thumbnail.tsx';
import { Screen } from '../components/screen.tsx';
import { useFormats } from '../language/use-formats.ts';
import { mapLayers } from '../model-map/map-layers.ts';
import { call } from '../studio/bridge.ts';
import type { Route } from '../studio/route.ts';
import { useStudio } from '../studio/studio-store.ts';
import { titleOf } from '../runs/find-runs.ts';
import { useJudgedByAndRatio } from '../runs/use-judged-by.ts';
import { finalPerplexity } from '../recovery/recovered-models.ts';
import { inWorkingOrder } from '../studio/working-order.ts';
import { useRunActions } from '../studio/use-run-actions.ts';
import { useModelChoice } from '../wizard/choose-model.tsx';
import { emptyDraft } from '../wizard/draft.ts';

export interface ListScreenProps {
  readonly onNewRun: () => void;
}

/** Where a run's link leads: to its results once there are some. */
export function routeOf(run: RunSummary): Route {
  return { screen: 'run', runId: run.id, view: run.state === 'finished' ? 'results' : 'progress' };
}

export const canResume = ({ state, held }: RunSummary): boolean =>
  state === 'interrupted' || state === 'failed' || state === 'cancelled' || held;

export const isUnderWay = ({ state }: RunSummary): boolean => state === 'running' || state === 'queued';

/** What runs now, what was run last, and the way to the next run. */
export function HomeScreen({ onNewRun }: ListScreenProps): ReactNode {
  const { t } = useTranslation();
  const runs = useStudio((state) => state.runs);
  const underWay = inWorkingOrder(runs?.filter(isUnderWay) ?? []);
  const earlier = runs?.filter((run) => !isUnderWay(run)) ?? [];
  return (
    <Screen
      title={t('home.title')}
      subtitle={t('home.subtitle')}
      primary={{ label: t('actions.newRun'), onAct: onNewRun }}
    >
      {runs?.length === 0 && (
        <>
          <FirstRun />
          <MethodInThreeSteps />
        </>
      )}
      <HeldRuns />
      {underWay.length > 0 && <RunGroup title={t('home.now')} runs={underWay} />}
      {earlier.length > 0 && <RunGroup title={t('home.earlier')} runs={earlier} />}
    </Screen>
  );
}

function RunGroup({
  title,
  runs,
}: {
  readonly title: string;
  readonly runs: readonly RunSummary[];
}): ReactNode {
  return (
    <section className="run-group">
      <h2>{title}</h2>
      <ul className="run-cards">
        {runs.map((run) => (
          <RunCard key={run.id} run={run} />
        ))}
      </ul>
    </section>
  );
}

function RunCard({ run }: { readonly run: RunSummary }): ReactNode {
  const { t } = useTranslation();
  const judgedBy = useJudgedByAndRatio();
  const formats = useFormats();
  const progress = useStudio((state) => state.progress[run.id] ?? null);
  const stage = progress?.stage ?? null;
  return (
    <li className="run-card">
      <RouteLink to={routeOf(run)}>
        <RunThumbnail run={run} width={240} height={96} />
        <span className="run-card-name">{titleOf(run)}</span>
        <span className="quiet">{judgedBy(run)}</span>
      </RouteLink>
      <div className="run-card-state">
        <RunStateTag run={run} />
        {run.state === 'running' && progress !== null && stage !== null && (
          <span className="quiet number">
            {t(`stages.${stage}.name`)} {formats.wholePercent(progress.fraction)}
          </span>
        )}
        {run.state !== 'running' && (
          <span className="quiet run-card-date">{formats.dateTime(run.createdAt)}</span>
        )}
      </div>
      {run.report && <RunNumbers run={run} />}
      <footer>
        <RunRowActions run={run} />
      </footer>
    </li>
  );
}

function RunNumbers({ run }: { readonly run: RunSummary }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  if (run.report === null) return null;
  const { before, after } = run.report;
  const perplexity = finalPerplexity(run.report);
  return (
    <dl className="run-card-numbers">
      <div>
        <dt>{t('quantities.parameters')}</dt>
        <dd>
          {formats.shortCount(after.parameters)}{' '}
          <span className="quiet">{formats.change(before.parameters, after.parameters)}</span>
        </dd>
      </div>
      {before.perplexity !== null && perplexity !== null && (
        <div>
          <dt>{t('quantities.perplexity')}</dt>
          <dd>
            {formats.perplexity(perplexity)}{' '}
            <span className="quiet">{formats.change(before.perplexity, perplexity)}</span>
          </dd>
        </div>
      )}
    </dl>
  );
}

/** Resume where that is possible, delete where nothing runs: a deleted run can be brought back. */
export function RunRowActions({ run }: { readonly run: RunSummary }): ReactNode {
  const { t } = useTranslation();
  const actions = useRunActions();
  return (
    <span className="row-actions">
      {canResume(run) && (
        <Button
          size="small"
          aria-label={`${t('actions.resume')}: ${run.name}`}
          onClick={() => void actions.resume(run.id)}
        >
          {t('actions.resume')}
        </Button>
      )}
      {isUnderWay(run) ? (
        <Button
          size="small"
          disabled={run.cancelling}
          aria-label={`${t('actions.cancel')}: ${run.name}`}
          onClick={() => void actions.cancel(run.id)}
        >
          {t('actions.cancel')}
        </Button>
      ) : (
        <Button
          size="small"
          type="text"
          aria-label={`${t('actions.delete')}: ${run.name}`}
          onClick={() => void actions.remove(run.id)}
        >
          {t('actions.delete')}
        </Button>
      )}
    </span>
  );
}

/** The demo model with what a run of the usual settings would take from it. */
async function previewDemo(): Promise<PlanPreview> {
  const { id: modelId } = await call('model:demo', undefined);
  const { defaultWindow } = await call('model:inspect', { modelId });
  const layers = { attention: defaultWindow, mlp: defaultWindow };
  return call('plan:preview', { modelId, prune: { ...emptyDraft.prune, layers } });
}

/** Nothing has been run: what a run is, on the demo's own map. */
function FirstRun(): ReactNode {
  const { t } = useTranslation();
  const choice = useModelChoice();
  const [demo, setDemo] = useState<PlanPreview | null>(null);
  useEffect(() => {
    // Without the demo there is no picture; the sentence and the button say enough.
    previewDemo().then(setDemo, () => undefined);
  }, []);
  return (
    <section className="first-run">
      <div className="first-run-map">
        {demo && (
          <ModelMapThumbnail
            layers={mapLayers(demo.layers, null)}
            removal="planned"
            width={360}
            height={220}
          />
        )}
      </div>
      <div>
        <h2>{t('home.emptyTitle')}</h2>
        <p>{t('home.emptyText')}</p>
        <Button onClick={choice.useDemo} loading={choice.isBusy}>
          {t('actions.useDemo')}
        </Button>
      </div>
    </section>
  );
}

const methodSteps = ['discover', 'estimate', 'remove'] as const;

function MethodInThreeSteps(): ReactNode {
  const { t } = useTranslation();
  return (
    <ol className="first-steps" aria-label={t('home.method.name')}>
      {methodSteps.map((step) => (
        <li key={step}>
          <h3>{t(`home.method.${step}.title`)}</h3>
          <p>{t(`home.method.${step}.text`)}</p>
        </li>
      ))}
    </ol>
  );
}
