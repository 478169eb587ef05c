import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Chain } from '../../preload/dependency-contract.ts';
import { useFormats } from '../language/use-formats.ts';
import type { Chosen } from './chosen.ts';
import { useChainTexts } from './use-chain-texts.ts';

/** What the chosen row or column comes to, in two sentences; or why nothing goes. */
export function ChainSummary({
  chain: { unit, locks, weightCount, weightsByRule, parameters },
  chosen: { weight, dim, index },
}: {
  readonly chain: Chain;
  readonly chosen: Chosen;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const texts = useChainTexts();
  const what = texts.indices({ shape: weight.shape, dim, ranges: [[index, index + 1]] });
  const reasons = locks.map(texts.lock).join(t('dependencies.and'));
  if (unit === null) {
    return (
      <p className="warning-notice">
        {t('dependencies.locked', { what, weight: weight.label })}
        {t('words.gap')}
        {locks.length === 0 ? t('dependencies.onlyOne') : t('dependencies.because', { reasons })}
      </p>
    );
  }
  return (
    <p className="chain-summary">
      {t('dependencies.summary', {
        what,
        weight: weight.label,
        weights: formats.count(weightCount),
        parameters: formats.count(parameters),
        unit: formats.count(unit.index + 1),
        units: formats.count(unit.count),
      })}
      {t('words.gap')}
      {weightsByRule === weightCount
        ? t('dependencies.allByRule')
        : t('dependencies.someByRule', { byRule: formats.count(weightsByRule) })}
      {locks.length > 0 && (
        <span className="quiet">
          {t('words.gap')}
          {t('dependencies.whole', { reasons })}
        </span>
      )}
    </p>
  );
}
