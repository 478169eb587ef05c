import { useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary, PlanPreview, PruneSettings } from '../../preload/contract.ts';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Screen } from '../components/screen.tsx';
import { useMapHeight } from '../components/use-map-height.ts';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { mapLayers } from '../model-map/map-layers.ts';
import { EditsPanel } from '../plan/edits-panel.tsx';
import { PlanMap } from '../plan/plan-map.tsx';
import { askedPlan, isByBlock, modeOf, takesEdits } from '../plan/plan-modes.ts';
import { PlanNotes } from '../plan/plan-notes.tsx';
import { PlanSettings } from '../plan/plan-settings.tsx';
import { useEditHistory } from '../plan/use-edit-history.ts';
import { go } from '../studio/route.ts';
import { useDraft } from '../wizard/draft-store.tsx';
import { useAsked } from '../wizard/use-asked.ts';
import { usePlanPreview } from '../wizard/use-plan-preview.ts';
import { NoModel } from './no-model.tsx';

/** Step 2: what goes, how much of it, where, and by which judgement. */
export function PlanStep(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const { model, prune } = draft;
  const { answer: preview, failure } = usePlanPreview(model?.model.id, prune, draft.scoresOf);
  const change = (patch: Partial<PruneSettings>): void => dispatch({ type: 'prune-changed', change: patch });
  return (
    <Screen
      title={t('steps.plan')}
      subtitle={model?.model.name ?? ''}
      primary={{
        label: t('actions.toData'),
        onAct: () => go({ screen: 'new', step: 'data' }),
        blockedBy: model === null ? t('model.chooseFirst') : failure === null ? null : t('plan.notPossible'),
      }}
      above={
        <>
          <WizardSteps current="plan" runId={draft.runId} />
          <BeforeAfterBar before={model?.costs ?? null} after={preview?.after ?? null} isPredicted />
        </>
      }
    >
      {model === null ? (
        <NoModel />
      ) : (
        <div className="columns side-left">
          <PlanSettings model={model} prune={prune} preview={preview} onChange={change} />
          <div className="column">
            {failure && <ErrorNotice error={failure} />}
            <PlanPicture
              key={model.model.id}
              model={model}
              preview={preview}
              prune={prune}
              scoresOf={draft.scoresOf}
              onChange={change}
            />
          </div>
        </div>
      )}
    </Screen>
  );
}

/** What goes from which layer, and what a person decided about single ones. */
function PlanPicture({
  model,
  preview,
  prune,
  scoresOf,
  onChange,
}: {
  readonly model: ModelSummary;
  readonly preview: PlanPreview | null;
  readonly prune: PruneSettings;
  readonly scoresOf: string | null;
  readonly onChange: (change: Partial<PruneSettings>) => void;
}): ReactNode {
  const { t } = useTranslation();
  const height = useMapHeight(360, 420);
  const [selected, setSelected] = useState<number | null>(null);
  const history = useEditHistory(prune.edits, (edits) => onChange({ edits }));
  const picks = preview?.picks ?? null;
  // Where it fails the map shows the widths.
  const { answer: scored } = useAsked(
    'run:get',
    picks && scoresOf !== null ? { runId: scoresOf } : null,
    scoresOf ?? '',
    0,
  );
  const layers = useMemo(
    () =>
      mapLayers(
        preview?.layers ?? model.layers.map((shape) => ({ before: shape, after: shape })),
        isByBlock(prune) ? prune.layers : null,
        picks && scored ? { scores: scored.scores, kept: picks.layers } : {},
        askedPlan(prune).edits,
      ),
    [model, preview, prune, picks, scored],
  );
  return (
    <>
      <PlanMap
        title={t('plan.picture')}
        layers={layers}
        prune={prune}
        history={takesEdits(prune) ? history : null}
        selected={selected}
        onSelect={setSelected}
        height={height}
        explores
        remark={t(remarkOf(prune, preview))}
        notes={preview && <PlanNotes preview={preview} prune={prune} onChange={onChange} />}
      />
      {takesEdits(prune) && <EditsPanel history={history} layers={model.layers} />}
    </>
  );
}

/** What is not decided yet. */
function remarkOf(
  prune: PruneSettings,
  preview: PlanPreview | null,
):
  | 'plan.byScores'
  | 'plan.hiddenLater'
  | 'plan.layersLater'
  | 'plan.layersLast'
  | 'plan.sizesExpected'
  | 'plan.sizesLater'
  | 'plan.whichLater' {
  if (modeOf(prune) === 'channel') return 'plan.hiddenLater';
  if (preview?.picks) return 'plan.byScores';
  if (modeOf(prune) === 'layer') return prune.drop === 'last' ? 'plan.layersLast' : 'plan.layersLater';
  if (!preview?.awaitsScores) return 'plan.whichLater';
  return prune.scope === 'global-published' ? 'plan.sizesExpected' : 'plan.sizesLater';
}
