import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PruneSettings } from '../../preload/contract.ts';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { RouteLink } from '../components/route-link.tsx';
import { Screen } from '../components/screen.tsx';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { hasScores } from '../importance/importance-link.tsx';
import { ImportanceView } from '../importance/importance-view.tsx';
import { hasCriterion } from '../plan/plan-modes.ts';
import { useRunDetail } from '../studio/use-run-detail.ts';
import { useDraft } from '../wizard/draft-store.tsx';
import { useAsked } from '../wizard/use-asked.ts';
import { usePlanPreview } from '../wizard/use-plan-preview.ts';
import { useRunSetup } from '../wizard/use-run-setup.ts';

/** What a run found its structures to be worth, and what another plan would take of them. */
export function ImportanceScreen({ runId }: { readonly runId: string }): ReactNode {
  const { t } = useTranslation();
  const { detail, run, failure } = useRunDetail(runId);
  const { draft, dispatch } = useDraft();
  const openSetup = useRunSetup(detail);
  const modelId = detail?.modelId ?? null;
  const { answer: model } = useAsked('model:inspect', modelId === null ? null : { modelId }, runId, 0);
  const ownPlan = detail?.settings.prune ?? null;
  const prune = draft.tried?.runId === runId ? draft.tried.prune : ownPlan;
  const plan = usePlanPreview(prune === null ? undefined : model?.model.id, prune ?? draft.prune, runId);
  const change = (patch: Partial<PruneSettings>): void => {
    if (prune !== null) dispatch({ type: 'plan-tried', tried: { runId, prune: { ...prune, ...patch } } });
  };
  const canPrune = openSetup !== null && prune !== null && plan.failure === null;
  return (
    <Screen
      title={run ? t('importance.title', { model: run.modelName }) : t('importance.name')}
      subtitle={
        run &&
        ownPlan &&
        (hasCriterion(ownPlan)
          ? t('importance.subtitle', { criterion: t(`criteria.${run.criterion as 'random'}.name`) })
          : t('importance.subtitleLayers'))
      }
      primary={{
        label: t('actions.pruneWithPlan'),
        onAct: () => {
          if (canPrune) openSetup('plan', 'new-run', prune);
        },
        blockedBy: canPrune ? null : t(plan.failure === null ? 'steps.modelGone' : 'plan.notPossible'),
      }}
      actions={
        <RouteLink to={{ screen: 'run', runId, view: run?.state === 'finished' ? 'results' : 'progress' }}>
          {t('importance.toRun')}
        </RouteLink>
      }
      above={
        <>
          <WizardSteps
            current={null}
            runId={runId}
            isFinished={run?.state === 'finished'}
            openSetup={openSetup}
          />
          <BeforeAfterBar
            before={model?.costs ?? detail?.planned?.before ?? null}
            after={plan.answer?.after ?? detail?.planned?.after ?? null}
            isPredicted
          />
        </>
      }
    >
      {failure && run === null && <ErrorNotice error={failure} />}
      {detail && !hasScores(detail) && <p className="empty">{t('importance.empty')}</p>}
      {detail && hasScores(detail) && prune !== null && (
        <ImportanceView
          detail={detail}
          model={model}
          prune={prune}
          preview={plan.answer}
          failure={plan.failure}
          onChange={change}
        />
      )}
    </Screen>
  );
}
