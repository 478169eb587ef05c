import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Chain } from '../../preload/dependency-contract.ts';
import { useFormats } from '../language/use-formats.ts';
import { useChainTexts } from './use-chain-texts.ts';

/** Every weight that loses something, in steps from the chosen one: what the picture shows, to be read. */
export function ChainTable({ chain }: { readonly chain: Chain }): ReactNode {
  const { t } = useTranslation();
  const texts = useChainTexts();
  const formats = useFormats();
  const rows = chain.vertices
    .flatMap((vertex) => vertex.params.map((member) => ({ vertex, member })))
    .sort((a, b) => a.vertex.step - b.vertex.step);
  return (
    <table className="data-table chain-table">
      <caption className="visually-hidden">{t('dependencies.table')}</caption>
      <thead>
        <tr>
          <th scope="col">{t('dependencies.stepName')}</th>
          <th scope="col" className="words">
            {t('dependencies.where')}
          </th>
          <th scope="col" className="words">
            {t('dependencies.weight')}
          </th>
          <th scope="col">{t('dependencies.shape')}</th>
          <th scope="col" className="words">
            {t('dependencies.goes')}
          </th>
          <th scope="col" className="words">
            {t('dependencies.byRule')}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ vertex, member }) => (
          <tr key={`${vertex.id} ${member.label} ${member.dim} ${member.shape.join(' ')}`}>
            <th scope="row">{formats.count(vertex.step)}</th>
            <td className="words">{texts.place(vertex.place)}</td>
            <td className="words">
              <code>{member.label}</code>
            </td>
            <td>{texts.shape(member.shape)}</td>
            <td className="words">{texts.indices(member)}</td>
            <td className="words">{t(vertex.byRule ? 'words.yes' : 'words.no')}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
