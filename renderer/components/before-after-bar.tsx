import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Costs } from '../../preload/contract.ts';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import type { Formats } from '../language/formats.ts';
import { useStudio, useStudioStore } from '../studio/studio-store.ts';

/** What a model costs and, where it was measured, how well it predicts. */
export type Measured = Costs & { readonly perplexity?: number | null };

export interface BeforeAfterBarProps {
  readonly before: Measured | null;
  readonly after: Measured | null;
  /** After the recovery, and the original trained the same way; only where there is one. */
  readonly recovered?: Measured | null;
  readonly control?: Measured | null;
  /** Whether the costs after are the plan's word, and not yet those of a written model. */
  readonly isPredicted: boolean;
}

export const quantities = ['parameters', 'macs', 'weights', 'memory', 'perplexity'] as const;
export type Quantity = (typeof quantities)[number];

/** A quantity of a model; null where it is not known. */
export function quantityOf(measured: Measured | null, quantity: Quantity): number | null {
  if (measured === null) return null;
  switch (quantity) {
    case 'parameters':
      return measured.parameters;
    case 'macs':
      return measured.macs;
    case 'weights':
      return measured.weightBytes;
    case 'memory':
      return measured.memoryBytes;
    case 'perplexity':
      return measured.perplexity ?? null;
  }
}

/** A quantity as text: short, or to the last digit. */
function formatQuantity(
  formats: Formats,
  quantity: Quantity,
  value: number | null,
  isExact: boolean,
): string {
  if (value === null) return '–';
  if (quantity === 'perplexity') return formats.perplexity(value);
  if (quantity === 'parameters') return isExact ? formats.count(value) : formats.shortCount(value);
  if (quantity === 'macs') return isExact ? formats.count(value) : formats.macs(value);
  return isExact ? formats.exactBytes(value) : formats.bytes(value);
}

/** A perplexity is measured, or not there: no plan foretells it. */
const isForetold = (quantity: Quantity): boolean => quantity !== 'perplexity';

/** Parameters, MACs, weights, memory and perplexity, before and after: the same five on every screen. */
export function BeforeAfterBar({
  before,
  after,
  recovered = null,
  control = null,
  isPredicted,
}: BeforeAfterBarProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const store = useStudioStore();
  const isExact = useStudio(({ exactNumbers }) => exactNumbers);
  const toggle = (): void => store.toggleExactNumbers();

  const number = (quantity: Quantity, measured: Measured | null, isGuess: boolean): ReactNode => {
    const value = quantityOf(measured, quantity);
    const text = formatQuantity(formats, quantity, value, isExact);
    const isMarked = isGuess && value !== null && isForetold(quantity);
    return (
      <td
        key={quantity}
        className={value === null ? 'unknown' : isMarked ? 'predicted' : undefined}
        onClick={toggle}
      >
        {isMarked ? `~\u202f${text}` : text}
      </td>
    );
  };
  return (
    <section className="before-after" aria-label={t('bar.name')}>
      <table>
        <thead>
          <tr>
            <td>
              <Button size="small" type="text" aria-pressed={isExact} onClick={toggle}>
                {isExact ? t('bar.shorten') : t('bar.exact')}
              </Button>
            </td>
            {quantities.map((quantity) => (
              <th scope="col" key={quantity}>
                <Term name={quantity}>{t(`quantities.${quantity}`)}</Term>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr className="before">
            <th scope="row">{t('bar.before')}</th>
            {quantities.map((quantity) => number(quantity, before, false))}
          </tr>
          <tr className="after">
            <th scope="row">{isPredicted ? t('bar.afterPredicted') : t('bar.after')}</th>
            {quantities.map((quantity) => number(quantity, after, isPredicted))}
          </tr>
          {recovered && (
            <tr className="after recovered">
              <th scope="row">{t('bar.recovered')}</th>
              {quantities.map((quantity) => number(quantity, recovered, isPredicted))}
            </tr>
          )}
          {control && (
            <tr className="before control">
              <th scope="row">{t('bar.control')}</th>
              {quantities.map((quantity) => number(quantity, control, false))}
            </tr>
          )}
          <tr className="change">
            <th scope="row">{t('bar.change')}</th>
            {quantities.map((quantity) => (
              <Change
                key={quantity}
                before={quantityOf(before, quantity)}
                after={quantityOf(recovered, quantity) ?? quantityOf(after, quantity)}
                isPredicted={isPredicted && isForetold(quantity)}
              />
            ))}
          </tr>
        </tbody>
      </table>
    </section>
  );
}

/** The difference in percent over a bar from zero; less is better for all five. */
function Change({
  before,
  after,
  isPredicted,
}: {
  readonly before: number | null;
  readonly after: number | null;
  readonly isPredicted: boolean;
}): ReactNode {
  const formats = useFormats();
  if (before === null || after === null || before === 0) return <td className="unknown">–</td>;
  const fraction = after / before - 1;
  const share = Math.min(1, Math.abs(fraction)) * 50;
  const text = formats.change(before, after);
  return (
    <td className={isPredicted ? 'predicted' : undefined}>
      <span className="change-track" aria-hidden="true">
        <span
          className={fraction > 0 ? 'change-fill worse' : 'change-fill better'}
          style={{ left: `${fraction > 0 ? 50 : 50 - share}%`, width: `${share}%` }}
        />
      </span>
      <span className="change-text">{isPredicted ? `~\u202f${text}` : text}</span>
    </td>
  );
}
