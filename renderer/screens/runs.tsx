import { ArrowDownOutlined, ArrowUpOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RunSummary } from '../../preload/contract.ts';
import { HeldRuns } from '../components/held-runs.tsx';
import { RouteLink } from '../components/route-link.tsx';
import { RunStateTag } from '../components/run-state-tag.tsx';
import { RunThumbnail } from '../components/run-thumbnail.tsx';
import { Screen } from '../components/screen.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { useStudio } from '../studio/studio-store.ts';
import { finalPerplexity } from '../recovery/recovered-models.ts';
import { inWorkingOrder } from '../studio/working-order.ts';
import { useRunActions } from '../studio/use-run-actions.ts';
import { routeOf, RunRowActions, type ListScreenProps } from './home.tsx';

/** Every run as a line of numbers; queued ones can change places. */
export function RunsScreen({ onNewRun }: ListScreenProps): ReactNode {
  const { t } = useTranslation();
  const runs = useStudio((state) => state.runs);
  const inOrder = inWorkingOrder(runs ?? []);
  const queue = inOrder.filter(({ state }) => state === 'queued').map(({ id }) => id);
  return (
    <Screen
      title={t('runs.title')}
      subtitle={t('runs.subtitle')}
      primary={{ label: t('actions.newRun'), onAct: onNewRun }}
    >
      <HeldRuns />
      {runs?.length === 0 ? (
        <p className="empty">{t('runs.empty')}</p>
      ) : (
        <div className="table-scroll" tabIndex={0} role="region" aria-label={t('runs.title')}>
          <table className="data-table runs-table">
            <thead>
              <tr>
                <th scope="col">{t('runs.run')}</th>
                <th scope="col">{t('runs.state')}</th>
                <th scope="col">
                  <Term name="ratio">{t('plan.ratio')}</Term>
                </th>
                <th scope="col">
                  <Term name="parameters">{t('quantities.parameters')}</Term>
                </th>
                <th scope="col">
                  <Term name="perplexity">{t('quantities.perplexity')}</Term>
                </th>
                <th scope="col">{t('runs.size')}</th>
                <th scope="col">{t('runs.created')}</th>
                <th scope="col">{t('runs.actions')}</th>
              </tr>
            </thead>
            <tbody>
              {inOrder.map((run) => (
                <RunRow key={run.id} run={run} queue={queue} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Screen>
  );
}

function RunRow({ run, queue }: { readonly run: RunSummary; readonly queue: readonly string[] }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { report } = run;
  const beforePerplexity = report?.before.perplexity ?? null;
  const afterPerplexity = report && finalPerplexity(report);
  return (
    <tr>
      <th scope="row">
        <RouteLink className="run-row-name" to={routeOf(run)}>
          <RunThumbnail run={run} width={88} height={40} />
          <span>
            {run.modelName}
            <span className="quiet">
              {t(`criteria.${run.criterion as 'random'}.name`, { defaultValue: run.criterion })}
            </span>
          </span>
        </RouteLink>
      </th>
      <td className="words">
        <RunStateTag run={run} />
      </td>
      <td>{formats.percent(run.ratio)}</td>
      <td>
        {report ? formats.shortCount(report.after.parameters) : '–'}
        <span className="quiet below">
          {report ? formats.change(report.before.parameters, report.after.parameters) : ''}
        </span>
      </td>
      <td>
        {afterPerplexity === null ? '–' : formats.perplexity(afterPerplexity)}
        <span className="quiet below">
          {beforePerplexity === null || afterPerplexity === null
            ? ''
            : formats.change(beforePerplexity, afterPerplexity)}
        </span>
      </td>
      <td>{formats.bytes(run.sizeBytes)}</td>
      <td className="words">{formats.dateTime(run.createdAt)}</td>
      <td className="words">
        {run.state === 'queued' && <QueueButtons run={run} queue={queue} />}
        <RunRowActions run={run} />
      </td>
    </tr>
  );
}

function QueueButtons({
  run,
  queue,
}: {
  readonly run: RunSummary;
  readonly queue: readonly string[];
}): ReactNode {
  const { t } = useTranslation();
  const actions = useRunActions();
  const at = queue.indexOf(run.id);
  const moveTo = (to: number): void => {
    const order = queue.filter((id) => id !== run.id);
    order.splice(to, 0, run.id);
    void actions.reorder(order);
  };
  return (
    <>
      <Button
        size="small"
        type="text"
        icon={<ArrowUpOutlined />}
        aria-label={`${t('runs.earlier')}: ${run.name}`}
        disabled={at <= 0}
        onClick={() => moveTo(at - 1)}
      />
      <Button
        size="small"
        type="text"
        icon={<ArrowDownOutlined />}
        aria-label={`${t('runs.later')}: ${run.name}`}
        disabled={at >= queue.length - 1}
        onClick={() => moveTo(at + 1)}
      />
    </>
  );
}
