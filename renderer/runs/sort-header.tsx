import { CaretDownOutlined, CaretUpOutlined } from '@ant-design/icons';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { TermName } from '../glossary/term.tsx';
import type { RunColumn, RunOrder } from './find-runs.ts';

const wordColumns: readonly RunColumn[] = ['name', 'state'];

/** A column's name that sorts by it: rising, falling, and back to the order of work. */
export function SortHeader({
  by,
  term,
  below = null,
  order,
  onOrder,
}: {
  readonly by: RunColumn;
  readonly term?: TermName;
  /** A line under the name, such as how the column's numbers were measured. */
  readonly below?: string | null;
  readonly order: RunOrder | null;
  readonly onOrder: (order: RunOrder | null) => void;
}): ReactNode {
  const { t } = useTranslation();
  const direction = order?.by === by ? (order.isFalling ? 'descending' : 'ascending') : 'none';
  const turn = (): void => {
    if (direction === 'none') onOrder({ by, isFalling: false });
    else onOrder(direction === 'ascending' ? { by, isFalling: true } : null);
  };
  return (
    <th scope="col" aria-sort={direction} className={wordColumns.includes(by) ? 'words' : undefined}>
      <button type="button" className="sort-button" title={term && t(`glossary.${term}`)} onClick={turn}>
        {t(`runs.columns.${by}`)}
        <span className="sort-mark" aria-hidden="true">
          {direction === 'ascending' && <CaretUpOutlined />}
          {direction === 'descending' && <CaretDownOutlined />}
        </span>
      </button>
      {below !== null && (
        <span className="quiet below" title={below}>
          {below}
        </span>
      )}
    </th>
  );
}
