import { memo, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormats } from '../language/use-formats.ts';
import type { MapLayer } from '../model-map/map-layers.ts';

/** The widths of every layer before and after, as a table. */
export const MapTable = memo(function MapTable({
  layers,
}: {
  readonly layers: readonly MapLayer[];
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const cells = (before: number, after: number): ReactNode => (
    <>
      <td>{formats.count(before)}</td>
      <td>{formats.count(after)}</td>
      <td className={before === after ? 'quiet' : undefined}>{formats.change(before, after)}</td>
    </>
  );
  return (
    <table className="data-table">
      <caption className="visually-hidden">{t('map.tableName')}</caption>
      <thead>
        <tr>
          <th scope="col" rowSpan={2}>
            {t('map.layer')}
          </th>
          <th scope="colgroup" colSpan={3}>
            {t('map.attentionHeads')}
          </th>
          <th scope="colgroup" colSpan={3}>
            {t('map.mlpWidth')}
          </th>
        </tr>
        <tr>
          {['heads', 'mlp'].flatMap((kind) =>
            (['before', 'after', 'change'] as const).map((part) => (
              <th scope="col" key={`${kind} ${part}`}>
                {t(`bar.${part}`)}
              </th>
            )),
          )}
        </tr>
      </thead>
      <tbody>
        {layers.map(({ before, after }, layer) => (
          <tr key={layer}>
            <th scope="row">{layer}</th>
            {cells(before.heads, after.heads)}
            {cells(before.mlpWidth, after.mlpWidth)}
          </tr>
        ))}
      </tbody>
    </table>
  );
});
