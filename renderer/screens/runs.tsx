import { SearchOutlined } from '@ant-design/icons';
import { Button, Input } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useCompareSelection } from '../compare/selection-store.tsx';
import { HeldRuns } from '../components/held-runs.tsx';
import { Screen } from '../components/screen.tsx';
import { useFormats } from '../language/use-formats.ts';
import { searchRuns, sortRuns, type RunOrder } from '../runs/find-runs.ts';
import { RunsTable } from '../runs/runs-table.tsx';
import { go } from '../studio/route.ts';
import { useStudio } from '../studio/studio-store.ts';
import { inWorkingOrder } from '../studio/working-order.ts';
import type { ListScreenProps } from './home.tsx';

/** The library of runs: found by words, sorted, named, compared, deleted; queued ones can change places. */
export function RunsScreen({ onNewRun }: ListScreenProps): ReactNode {
  const { t } = useTranslation();
  const runs = useStudio((state) => state.runs) ?? [];
  const isKnown = useStudio((state) => state.runs !== null);
  const selection = useCompareSelection();
  const [search, setSearch] = useState('');
  const [order, setOrder] = useState<RunOrder | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const criterionName = (criterion: string): string =>
    t(`criteria.${criterion as 'random'}.name`, { defaultValue: criterion });
  const shown = sortRuns(searchRuns(runs, search, criterionName), order);
  const compared = runs.filter(({ id, report }) => chosen.has(id) && report !== null);
  const compare = (): void => {
    selection.chooseRuns(compared.map(({ id }) => id));
    go({ screen: 'compare' });
  };
  return (
    <Screen
      title={t('runs.title')}
      subtitle={<Subtitle />}
      primary={{ label: t('actions.newRun'), onAct: onNewRun }}
      actions={
        <Button size="large" disabled={compared.length === 0} onClick={compare}>
          {compared.length === 0
            ? t('actions.compareRuns')
            : t('actions.compareChosen', { runs: compared.length })}
        </Button>
      }
    >
      <HeldRuns />
      {isKnown && runs.length === 0 && <p className="empty">{t('runs.empty')}</p>}
      {runs.length > 0 && (
        <>
          <Input
            className="runs-search"
            type="search"
            prefix={<SearchOutlined aria-hidden="true" />}
            allowClear
            value={search}
            aria-label={t('runs.search')}
            placeholder={t('runs.searchIn')}
            onChange={(event) => setSearch(event.target.value)}
          />
          <p className="visually-hidden" role="status">
            {search === '' ? '' : t('runs.found', { found: shown.length, runs: runs.length })}
          </p>
          {shown.length === 0 ? (
            <p className="empty">{t('runs.noneFound')}</p>
          ) : (
            <RunsTable
              runs={shown}
              queue={inWorkingOrder(runs)
                .filter(({ state }) => state === 'queued')
                .map(({ id }) => id)}
              order={order}
              onOrder={setOrder}
              chosen={chosen}
              onChoose={(runId, isChosen) => {
                const others = [...chosen].filter((id) => id !== runId);
                setChosen(new Set(isChosen ? [...others, runId] : others));
              }}
            />
          )}
        </>
      )}
    </Screen>
  );
}

/** How many there are, and what they take of the disk. */
function Subtitle(): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const runs = useStudio((state) => state.runs) ?? [];
  const sizeBytes = runs.reduce((total, run) => total + run.sizeBytes, 0);
  if (runs.length === 0) return t('runs.subtitle');
  return t('runs.inAll', { runs: formats.count(runs.length), size: formats.bytes(sizeBytes) });
}
