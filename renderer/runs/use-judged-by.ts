import { useTranslation } from 'react-i18next';
import type { RunSummary } from '../../preload/contract.ts';
import { useFormats } from '../language/use-formats.ts';
import { isEvaluationRun } from '../studio/run-kind.ts';

export type JudgedRun = Pick<RunSummary, 'criterion' | 'ratio' | 'stages'>;

/** What a run judged its structures by, or what it did in place of pruning. */
export function useJudgedBy(): (run: JudgedRun) => string {
  const { t } = useTranslation();
  return (run) => {
    const { criterion } = run;
    if (criterion === 'none' && !isEvaluationRun(run)) return t('criteria.trained.name');
    return t(`criteria.${criterion as 'random'}.name`, { defaultValue: criterion });
  };
}

/** The same with the ratio, where it prunes. */
export function useJudgedByAndRatio(): (run: JudgedRun) => string {
  const { t } = useTranslation();
  const formats = useFormats();
  const judgedBy = useJudgedBy();
  return (run) =>
    run.criterion === 'none'
      ? judgedBy(run)
      : t('runs.criterionAndRatio', { criterion: judgedBy(run), ratio: formats.percent(run.ratio) });
}
