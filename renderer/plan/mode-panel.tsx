import { Segmented, Tooltip } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Panel } from '../components/panel.tsx';
import { Term } from '../glossary/term.tsx';
import { modes, type PlanMode } from './plan-modes.ts';

/** What leaves the model: each choice tells on hover, and the chosen one below. */
export function ModePanel({
  mode,
  onChange,
}: {
  readonly mode: PlanMode;
  readonly onChange: (mode: PlanMode) => void;
}): ReactNode {
  const { t } = useTranslation();
  return (
    <Panel title={<Term name="mode">{t('plan.mode')}</Term>}>
      <Segmented<PlanMode>
        name="mode"
        aria-label={t('plan.mode')}
        block
        value={mode}
        options={modes.map((value) => ({
          value,
          label: (
            <Tooltip title={t(`plan.modes.${value}.text`)} mouseEnterDelay={0.3}>
              <span>{t(`plan.modes.${value}.name`)}</span>
            </Tooltip>
          ),
        }))}
        onChange={onChange}
      />
      <p className="field-remark">{t(`plan.modes.${mode}.text`)}</p>
    </Panel>
  );
}
