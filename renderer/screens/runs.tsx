import { SearchOutlined } from '@ant-design/icons';
import { Button, Input, Select } from 'antd';
import { useId, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PerplexityProtocol } from '../../preload/contract.ts';
import { useCompareSelection } from '../compare/selection-store.tsx';
import { HeldRuns } from '../components/held-runs.tsx';
import { Screen } from '../components/screen.tsx';
import { useFormats } from '../language/use-formats.ts';
import { searchRuns, sortRuns, type RunOrder } from '../runs/find-runs.ts';
import { perplexityProtocols } from '../runs/perplexity-protocols.ts';
import { RunsTable } from '../runs/runs-table.tsx';
import { go } from '../studio/route.ts';
import { useStudio } from '../studio/studio-store.ts';
import { useJudgedBy } from '../runs/use-judged-by.ts';
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
  const judgedBy = useJudgedBy();
  const protocols = perplexityProtocols(runs);
  const [protocolId, setProtocolId] = useState<string | null>(null);
  const protocol = protocols.find(({ id }) => id === protocolId) ?? protocols.at(0) ?? null;
  const shown = sortRuns(searchRuns(runs, search, judgedBy), order, protocol?.id ?? null);
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
          <div className="runs-tools">
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
            {protocol !== null && protocols.length > 1 && (
              <ProtocolChoice protocols={protocols} chosen={protocol} onChoose={setProtocolId} />
            )}
          </div>
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
              protocol={protocol}
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

/** On which text the perplexities in the table were measured: one column shows those of one protocol. */
function ProtocolChoice({
  protocols,
  chosen,
  onChoose,
}: {
  readonly protocols: readonly PerplexityProtocol[];
  readonly chosen: PerplexityProtocol;
  readonly onChoose: (id: string) => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const controlId = useId();
  const labels = protocols.map(({ text, seqLen, chunks }) =>
    t('compare.protocols.text', { text, seqLen: formats.count(seqLen), chunks: formats.count(chunks) }),
  );
  // Files of one name and length may differ in what they hold.
  const numbered = labels.map((label, i) => {
    const before = labels.slice(0, i).filter((other) => other === label).length;
    return before === 0 ? label : `${label} #${before + 1}`;
  });
  return (
    <div className="runs-protocol">
      <label className="quiet" htmlFor={controlId}>
        {t('runs.perplexityOf')}
      </label>
      <Select
        id={controlId}
        virtual={false}
        popupMatchSelectWidth={false}
        value={chosen.id}
        options={protocols.map(({ id }, i) => ({ value: id, label: numbered[i] }))}
        onChange={onChoose}
      />
    </div>
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
