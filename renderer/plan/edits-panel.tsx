import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary } from '../../preload/contract.ts';
import { Panel } from '../components/panel.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { headsPerGroup } from '../model-map/map-layers.ts';
import { editsOf, noEdits, withoutEdit, type PlanEdit } from './plan-edits.ts';
import type { EditHistory } from './use-edit-history.ts';

/** What a person decided about single layers: each can be taken back, the last one or all of them. */
export function EditsPanel({
  history,
  layers,
}: {
  readonly history: EditHistory;
  readonly layers: ModelSummary['layers'];
}): ReactNode {
  const { t } = useTranslation();
  const describe = useDescribeEdit(layers);
  const { edits, change, canUndo, undo } = history;
  const list = editsOf(edits);
  return (
    <Panel
      title={<Term name="planEdits">{t('plan.edits.title')}</Term>}
      actions={
        <>
          <Button size="small" type="text" disabled={!canUndo} onClick={undo}>
            {t('plan.edits.undo')}
          </Button>
          <Button size="small" type="text" disabled={list.length === 0} onClick={() => change(noEdits)}>
            {t('plan.edits.reset')}
          </Button>
        </>
      }
    >
      {list.length === 0 ? (
        <p className="quiet">{t('plan.edits.none')}</p>
      ) : (
        <ul className="plan-edits">
          {list.map((edit) => {
            const text = describe(edit);
            return (
              <li key={`${edit.layer} ${edit.what}`}>
                <span>{text}</span>
                <Button
                  size="small"
                  type="text"
                  aria-label={t('plan.edits.removeOne', { edit: text })}
                  onClick={() => change(withoutEdit(edits, edit))}
                >
                  {t('plan.edits.remove')}
                </Button>
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}

/** An edit in words. */
function useDescribeEdit(layers: ModelSummary['layers']): (edit: PlanEdit) => string {
  const { t } = useTranslation();
  const formats = useFormats();
  return (edit) => {
    const { layer } = edit;
    if (edit.what === 'heads') {
      const isGrouped = layers[layer] !== undefined && headsPerGroup(layers[layer]) > 1;
      const heads = edit.heads.join(t('plan.edits.comma'));
      return t(isGrouped ? 'plan.edits.groupsStay' : 'plan.edits.headsStay', { layer, heads });
    }
    const kind = t(`plan.edits.kinds.${edit.what}`);
    return edit.treatment === 'whole'
      ? t('plan.edits.isWhole', { layer, kind })
      : t('plan.edits.hasRatio', { layer, kind, ratio: formats.percent(edit.treatment) });
  };
}
