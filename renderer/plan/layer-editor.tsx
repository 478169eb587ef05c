import { PushpinFilled, PushpinOutlined } from '@ant-design/icons';
import { InputNumber, Segmented } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PruneSettings } from '../../preload/contract.ts';
import { LayerInspector } from '../components/layer-inspector.tsx';
import { Term } from '../glossary/term.tsx';
import type { MapLayer } from '../model-map/map-layers.ts';
import { readPercent } from '../wizard/read-percent.ts';
import {
  editedKinds,
  pinnedHeads,
  treatmentOf,
  withPinned,
  withTreatment,
  type EditedKind,
  type PlanEdits,
  type Treatment,
} from './plan-edits.ts';
import { isByBlock } from './plan-modes.ts';

export interface LayerEditorProps {
  readonly layer: number;
  readonly of: MapLayer;
  readonly prune: PruneSettings;
  readonly edits: PlanEdits;
  readonly onEdit: (edits: PlanEdits) => void;
  readonly onClose: () => void;
  /** Whether it leads to the explorer of the model's dependencies. */
  readonly explores: boolean;
}

/** A layer's numbers, and what a person may decide about it. */
export function LayerEditor(props: LayerEditorProps): ReactNode {
  const { layer, of, prune, edits, onEdit, onClose, explores } = props;
  const { t } = useTranslation();
  const pinned = pinnedHeads(edits, layer);
  const pinOf = (group: number, name: string): ReactNode => {
    const isPinned = pinned.includes(group);
    return (
      <button
        type="button"
        className="pin-button"
        aria-pressed={isPinned}
        aria-label={t('plan.edits.pin', { name })}
        title={t(isPinned ? 'plan.edits.pinned' : 'plan.edits.pinIt')}
        onClick={() => onEdit(withPinned(edits, layer, group, !isPinned))}
      >
        {isPinned ? <PushpinFilled aria-hidden /> : <PushpinOutlined aria-hidden />}
      </button>
    );
  };
  return (
    <LayerInspector
      layer={layer}
      of={of}
      explores={explores}
      onClose={onClose}
      {...(isByBlock(prune) && prune.unit !== 'query-head' && { headAction: pinOf })}
    >
      <div className="layer-treatments">
        {!isByBlock(prune) && <KeepField layer={layer} edits={edits} onEdit={onEdit} />}
        {(isByBlock(prune) ? editedKinds : []).map((kind) => (
          <TreatmentField
            key={`${layer} ${kind}`}
            kind={kind}
            isInside={layer >= prune.layers[kind][0] && layer < prune.layers[kind][1]}
            treatment={treatmentOf(edits, kind, layer)}
            ratio={prune.ratio}
            onTreat={(treatment) => onEdit(withTreatment(edits, kind, layer, treatment))}
          />
        ))}
      </div>
    </LayerInspector>
  );
}

/** Whether a layer stays, where whole layers go. */
function KeepField({
  layer,
  edits,
  onEdit,
}: Pick<LayerEditorProps, 'layer' | 'edits' | 'onEdit'>): ReactNode {
  const { t } = useTranslation();
  const isKept = editedKinds.some((kind) => treatmentOf(edits, kind, layer) === 'whole');
  const treat = (treatment: 'planned' | 'whole'): void =>
    onEdit(editedKinds.reduce((next, kind) => withTreatment(next, kind, layer, treatment), edits));
  return (
    <div className="layer-treatment">
      <span>{t('plan.edits.layer')}</span>
      <Segmented<'planned' | 'whole'>
        size="small"
        name="treatment-layer"
        aria-label={t('plan.edits.layer')}
        value={isKept ? 'whole' : 'planned'}
        options={[
          { value: 'planned', label: t('plan.edits.planned') },
          { value: 'whole', label: t('plan.edits.keepLayer') },
        ]}
        onChange={treat}
      />
    </div>
  );
}

const choices = ['planned', 'own', 'whole'] as const;
type Choice = (typeof choices)[number];

const ratioLimits = { min: 1, max: 99 } as const;

/** How the attention or the MLP of one layer is treated. */
function TreatmentField({
  kind,
  isInside,
  treatment,
  ratio,
  onTreat,
}: {
  readonly kind: EditedKind;
  /** Whether the plan's window holds the layer. */
  readonly isInside: boolean;
  readonly treatment: Treatment;
  /** The plan's own: where a ratio of the layer's own begins. */
  readonly ratio: number;
  readonly onTreat: (treatment: Treatment) => void;
}): ReactNode {
  const { t } = useTranslation();
  const id = useId();
  const label = t(`plan.edits.kinds.${kind}`);
  const chosen: Choice = typeof treatment === 'number' ? 'own' : treatment;
  const set = (percent: number | null): void => {
    if (percent === null) return;
    const within = Math.min(ratioLimits.max, Math.max(ratioLimits.min, percent));
    onTreat(Math.round(within * 10) / 1000);
  };
  return (
    <div className="layer-treatment">
      <Term name="layerTreatment">{label}</Term>
      <Segmented<Choice>
        size="small"
        name={`treatment-${kind}`}
        aria-label={label}
        value={chosen}
        options={choices.map((value) => ({
          value,
          label: t(value === 'planned' && !isInside ? 'plan.edits.outside' : `plan.edits.${value}`),
        }))}
        onChange={(value) => onTreat(value === 'own' ? Math.round(ratio * 1000) / 1000 : value)}
      />
      {typeof treatment === 'number' && (
        <InputNumber
          id={id}
          size="small"
          className="ratio-number"
          aria-label={t('plan.edits.ratioOf', { kind: label })}
          value={Math.round(treatment * 1000) / 10}
          min={ratioLimits.min}
          max={ratioLimits.max}
          step={1}
          suffix="%"
          parser={readPercent}
          onChange={set}
        />
      )}
    </div>
  );
}
