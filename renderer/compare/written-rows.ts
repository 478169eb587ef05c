import { useTranslation } from 'react-i18next';
import type { ComparedModel, ComparisonRow } from '../../preload/comparison-contract.ts';
import type { Protocol } from '../../preload/forms/measures.ts';
import type { Formats } from '../language/formats.ts';

/** A comparison in words, in the language on screen. */
export interface ComparisonWriting {
  /** What a row is called, without its protocol. */
  readonly rowLabel: (row: Pick<ComparisonRow, 'kind' | 'subject'>) => string;
  /** How a row's numbers were measured, in a line; empty where there is one way only. */
  readonly protocolText: (row: Pick<ComparisonRow, 'protocol' | 'apart'>) => string;
  /** A model by its name and role. */
  readonly modelTitle: (model: Pick<ComparedModel, 'name' | 'role'>) => string;
}

export function useComparisonWriting(): ComparisonWriting {
  const { t } = useTranslation();
  const measuredHow = (protocol: Protocol): string => {
    if (protocol.about === 'text') return t('compare.protocols.text', { ...protocol });
    if (protocol.about === 'machine') {
      const how = t('compare.protocols.machine', { ...protocol });
      return protocol.run === null
        ? how
        : [how, t('compare.protocols.inRun', { run: protocol.run })].join(t('compare.protocols.comma'));
    }
    const { metric, isCounted, tasks, fewShot, bos, limit, harness } = protocol;
    return [
      metric === null ? t('compare.protocols.tasks', { tasks }) : `${metric}${isCounted ? ' *' : ''}`,
      t('compare.protocols.fewShot', { fewShot }),
      ...(bos ? ['BOS'] : []),
      ...(limit === null ? [] : [t('compare.protocols.limit', { limit })]),
      harness,
    ].join(t('compare.protocols.comma'));
  };
  return {
    rowLabel: ({ kind, subject }) => {
      if (kind === 'task') return subject;
      return subject === '' ? t(`compare.kinds.${kind}`) : `${t(`compare.kinds.${kind}`)}, ${subject}`;
    },
    protocolText: ({ protocol, apart }) =>
      [...(protocol === null ? [] : [measuredHow(protocol)]), ...(apart === '' ? [] : [apart])].join(' · '),
    modelTitle: ({ name, role }) => t('compare.modelTitle', { name, role: t(`compare.roles.${role}`) }),
  };
}

/** A number of a row, short or to the last digit. */
export function formatValue(
  formats: Formats,
  unit: ComparisonRow['unit'],
  value: number,
  isExact: boolean,
): string {
  switch (unit) {
    case 'count':
      return isExact ? formats.count(value) : formats.shortCount(value);
    case 'macs':
      return isExact ? formats.count(value) : formats.macs(value);
    case 'bytes':
      return isExact ? formats.exactBytes(value) : formats.bytes(value);
    case 'perplexity':
      return formats.perplexity(value);
    case 'share':
      return formats.percent(value);
    case 'per-second':
      return formats.score(value);
    case 'ms':
      return formats.shortDuration(value);
    case 'factor':
      return `${formats.score(value)} ×`;
  }
}
