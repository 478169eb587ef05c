import { InputNumber, Segmented, Select } from 'antd';
import { useId, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { DependencyWeights, Place } from '../../preload/dependency-contract.ts';
import { Field } from '../components/field.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import type { DependencyRoute } from '../studio/route.ts';
import { routeOf, type Chosen } from './chosen.ts';
import { useChainTexts } from './use-chain-texts.ts';

/** Which row or column is asked about: layer, weight, side, index. */
export function ChoiceFields({
  weights: { parts },
  chosen,
  onChoose,
}: {
  readonly weights: DependencyWeights;
  readonly chosen: Chosen;
  readonly onChoose: (route: DependencyRoute) => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const texts = useChainTexts();
  const [placeId, weightId, indexId] = [useId(), useId(), useId()];
  const { part, weight, dim, index } = chosen;
  const choosePlace = (place: Place): void => {
    const next = parts.find((one) => one.place === place);
    // From a layer to another the same weight stays chosen.
    const same = next?.weights.find(({ label }) => label === weight.label) ?? next?.weights[0];
    if (same !== undefined) onChoose(routeOf(place, same.name, dim, index));
  };
  const last = (weight.shape[dim] ?? 1) - 1;
  return (
    <div className="chain-choice">
      <Field controlId={placeId} label={t('dependencies.where')} term="layer">
        <Select<Place>
          id={placeId}
          virtual={false}
          value={part.place}
          options={parts.map(({ place }) => ({ value: place, label: texts.place(place) }))}
          onChange={choosePlace}
        />
      </Field>
      <Field controlId={weightId} label={t('dependencies.weight')} term="dependency">
        <Select
          id={weightId}
          virtual={false}
          value={weight.name}
          options={part.weights.map(({ name, label }) => ({ value: name, label }))}
          onChange={(name) => onChoose(routeOf(part.place, name, dim, index))}
        />
      </Field>
      <div className="field">
        <div className="field-label">
          <Term name="rowsAndColumns">{t('dependencies.side')}</Term>
        </div>
        <Segmented<0 | 1>
          name="chain-side"
          aria-label={t('dependencies.side')}
          value={dim}
          options={
            weight.shape.length === 1
              ? [{ value: 0, label: t('dependencies.sides.entry') }]
              : [
                  { value: 0, label: t('dependencies.sides.row') },
                  { value: 1, label: t('dependencies.sides.column') },
                ]
          }
          onChange={(side) => onChoose(routeOf(part.place, weight.name, side, index))}
        />
      </div>
      <Field controlId={indexId} label={t('dependencies.index')} term="rowsAndColumns">
        <InputNumber
          id={indexId}
          value={index}
          min={0}
          max={last}
          precision={0}
          suffix={t('dependencies.upTo', { last: formats.count(last) })}
          onChange={(at) => at !== null && onChoose(routeOf(part.place, weight.name, dim, at))}
        />
      </Field>
    </div>
  );
}
