import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Comparison, ComparisonRow } from '../../preload/comparison-contract.ts';
import { Panel } from '../components/panel.tsx';
import { useFormats } from '../language/use-formats.ts';
import { useStudio, useStudioStore } from '../studio/studio-store.ts';
import { formatValue, useComparisonWriting } from './written-rows.ts';

const marks = { better: '▲', worse: '▼', same: '=' } as const;

/** Every number of every model, with its difference from the baseline. */
export function NumbersTable({
  comparison,
  switchesDigits = true,
  onBaseline,
}: {
  readonly comparison: Comparison;
  /** Whether the button for short or full numbers is here, and not elsewhere on the screen. */
  readonly switchesDigits?: boolean;
  readonly onBaseline: (key: string) => void;
}): ReactNode {
  const { t } = useTranslation();
  const { protocolText, rowLabel, modelTitle } = useComparisonWriting();
  const store = useStudioStore();
  const isExact = useStudio(({ exactNumbers }) => exactNumbers);
  const { models, baseline, rows } = comparison;
  const sources = models.filter(({ source }) => source !== null);
  return (
    <Panel
      title={t('compare.numbers')}
      className="wide"
      actions={
        switchesDigits && (
          <Button size="small" type="text" aria-pressed={isExact} onClick={() => store.toggleExactNumbers()}>
            {isExact ? t('bar.shorten') : t('bar.exact')}
          </Button>
        )
      }
    >
      <div className="table-scroll" tabIndex={0} role="group" aria-label={t('compare.numbers')}>
        <table className="data-table comparison-table">
          <thead>
            <tr>
              <td />
              {models.map((model) => (
                <th
                  scope="col"
                  key={model.key}
                  className={model.role === 'published' ? 'published' : undefined}
                >
                  <span className="model-name">{model.name}</span>
                  <span className={model.role === 'published' ? 'published-mark' : 'quiet below'}>
                    {t(`compare.roles.${model.role}`)}
                  </span>
                </th>
              ))}
            </tr>
            <tr className="baseline-row">
              <th scope="row">{t('compare.baseline')}</th>
              {models.map((model) => (
                <td key={model.key}>
                  <input
                    type="radio"
                    name="baseline"
                    aria-label={`${t('compare.baseline')}: ${modelTitle(model)}`}
                    checked={model.key === baseline}
                    onChange={() => onBaseline(model.key)}
                  />
                </td>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id}>
                <th scope="row">
                  {rowLabel(row)}
                  <span className="quiet below">{protocolText(row)}</span>
                </th>
                {row.cells.map((cell, i) => (
                  <NumberCell key={models[i].key} row={row} cell={cell} isExact={isExact} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="quiet remark">
        {[t('compare.legend'), ...notesOn(rows).map((note) => t(`compare.notes.${note}`))].join(' ')}
      </p>
      {sources.map(({ key, name, source }) => (
        <p className="quiet remark" key={key}>
          {t('compare.publishedSource', { name, source })}
        </p>
      ))}
    </Panel>
  );
}

/** What the signs in the rows mean, as far as they are there. */
function notesOn(rows: readonly ComparisonRow[]): ('counted' | 'ofPruned' | 'unjudged')[] {
  const cells = rows.flatMap((row) => row.cells);
  return [
    ...(cells.some(({ change, verdict }) => change !== null && verdict === null)
      ? (['unjudged'] as const)
      : []),
    ...(rows.some(({ kind }) => kind === 'task') ? (['counted'] as const) : []),
    ...(cells.some(({ isOfPruned }) => isOfPruned) ? (['ofPruned'] as const) : []),
  ];
}

function NumberCell({
  row,
  cell,
  isExact,
}: {
  readonly row: ComparisonRow;
  readonly cell: ComparisonRow['cells'][number];
  readonly isExact: boolean;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { value, error, change, verdict, isOfPruned } = cell;
  if (value === null) return <td className="quiet">–</td>;
  return (
    <td>
      {formatValue(formats, row.unit, value, isExact)}
      {error !== null && <span className="quiet"> ± {formatValue(formats, row.unit, error, isExact)}</span>}
      {isOfPruned && <span className="quiet"> †</span>}
      {change !== null && (
        <span className={`below ${verdict === null ? 'quiet' : `verdict-${verdict}`}`}>
          {verdict !== null && <span aria-hidden="true">{marks[verdict]} </span>}
          {row.unit === 'share'
            ? t('compare.points', { points: formats.signed(100 * change) })
            : formats.change(1, 1 + change)}
          {verdict !== null && <span className="visually-hidden"> {t(`compare.verdicts.${verdict}`)}</span>}
        </span>
      )}
    </td>
  );
}
