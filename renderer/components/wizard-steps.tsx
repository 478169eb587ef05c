import { CheckOutlined } from '@ant-design/icons';
import { Tooltip } from 'antd';
import { useEffect, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { go, type DraftStep, type Route } from '../studio/route.ts';
import { RouteLink } from './route-link.tsx';
import { useDraft } from '../wizard/draft-store.tsx';
import type { OpenRunSetup } from '../wizard/use-run-setup.ts';

export type WizardStep = DraftStep | 'run' | 'results';

interface StepLink {
  readonly step: WizardStep;
  /** null where it cannot be gone to, for the reason. */
  readonly route: Route | null;
  readonly reason: string;
  readonly isDone: boolean;
  readonly onGo?: () => void;
}

/** The six steps; Alt+1 to Alt+6 go to them. */
export function WizardSteps({
  current,
  runId,
  isFinished = false,
  isEvaluation = false,
  openSetup = null,
}: {
  /** null on a screen that is none of them. */
  readonly current: WizardStep | null;
  /** The run that the Run and Results steps show; of the draft, where there is one. */
  readonly runId: string | null;
  readonly isFinished?: boolean;
  /** Whether that run passed over Plan and Recovery. */
  readonly isEvaluation?: boolean;
  /** Shows the steps that led to this run, where it is not the draft's. */
  readonly openSetup?: OpenRunSetup | null;
}): ReactNode {
  const { t } = useTranslation();
  const links = useStepLinks(runId, isFinished, isEvaluation, openSetup);
  useEffect(() => {
    const jump = (event: KeyboardEvent): void => {
      if (!event.altKey || event.ctrlKey || event.metaKey) return;
      const { route, onGo } = links[Number(event.key) - 1] ?? {};
      if (!route) return;
      event.preventDefault();
      if (onGo === undefined) go(route);
      else onGo();
    };
    window.addEventListener('keydown', jump);
    return () => window.removeEventListener('keydown', jump);
  }, [links]);
  return (
    <nav className="wizard-steps" aria-label={t('steps.name')}>
      <ol>
        {links.map(({ step, route, reason, isDone, onGo }, i) => (
          <li key={step} className={step === current ? 'current' : isDone ? 'done' : undefined}>
            <StepContent
              route={step === current ? null : route}
              onGo={onGo}
              reason={step === current ? '' : reason}
              isCurrent={step === current}
            >
              <span className="wizard-step-number">
                {isDone && step !== current ? <CheckOutlined aria-hidden="true" /> : i + 1}
              </span>
              {t(`steps.${step}`)}
              {isDone && step !== current && <span className="visually-hidden">{t('steps.done')}</span>}
            </StepContent>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function StepContent({
  route,
  onGo,
  reason,
  isCurrent,
  children,
}: {
  readonly route: Route | null;
  readonly onGo: (() => void) | undefined;
  readonly reason: string;
  readonly isCurrent: boolean;
  readonly children: ReactNode;
}): ReactNode {
  if (isCurrent)
    return (
      <span className="wizard-step" aria-current="step">
        {children}
      </span>
    );
  if (route !== null)
    return (
      <RouteLink className="wizard-step" to={route} onGo={onGo}>
        {children}
      </RouteLink>
    );
  return (
    <Tooltip title={reason} trigger={['hover', 'focus']}>
      <span
        className="wizard-step blocked"
        role="link"
        aria-disabled="true"
        aria-description={reason}
        tabIndex={0}
      >
        {children}
      </span>
    </Tooltip>
  );
}

/** By a run that only measures. */
const passedOver: readonly DraftStep[] = ['plan', 'recovery'];

function useStepLinks(
  runId: string | null,
  isFinished: boolean,
  isEvaluation: boolean,
  openSetup: OpenRunSetup | null,
): StepLink[] {
  const { t } = useTranslation();
  const { draft } = useDraft();
  const isOfDraft = runId === null || draft.runId === runId;
  const isRunning = runId !== null;
  const draftStep = (step: DraftStep, isOpen: boolean, reason: string): StepLink => ({
    step,
    route: (isOfDraft ? isOpen : openSetup !== null) ? { screen: 'new', step } : null,
    reason: isOfDraft ? reason : t('steps.modelGone'),
    isDone:
      (isRunning && !(isEvaluation && passedOver.includes(step))) ||
      (step === 'model' && draft.model !== null),
    ...(!isOfDraft && openSetup !== null && { onGo: () => openSetup(step, 'this-run') }),
  });
  const runStep = (step: 'run' | 'results', view: 'progress' | 'results', isOpen: boolean): StepLink => ({
    step,
    route: runId !== null && isOpen ? { screen: 'run', runId, view } : null,
    reason: step === 'run' ? t('steps.notStarted') : t('steps.notFinished'),
    isDone: isOpen && isFinished,
  });
  const hasModel = draft.model !== null;
  return [
    draftStep('model', true, ''),
    draftStep('plan', hasModel, t('steps.noModel')),
    draftStep('data', hasModel, t('steps.noModel')),
    draftStep('recovery', hasModel, t('steps.noModel')),
    runStep('run', 'progress', isRunning),
    runStep('results', 'results', isFinished),
  ];
}
