import { ArrowDownOutlined, ArrowUpOutlined } from '@ant-design/icons';
import { Button, Checkbox } from 'antd';
import { Fragment, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PerplexityProtocol, RunSummary } from '../../preload/contract.ts';
import { RouteLink } from '../components/route-link.tsx';
import { RunStateTag } from '../components/run-state-tag.tsx';
import { RunThumbnail } from '../components/run-thumbnail.tsx';
import type { TermName } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { isEvaluationRun } from '../studio/run-kind.ts';
import { finalPerplexity } from '../recovery/recovered-models.ts';
import { routeOf, RunRowActions } from '../screens/home.tsx';
import { useRunActions } from '../studio/use-run-actions.ts';
import { titleOf, type RunColumn, type RunOrder } from './find-runs.ts';
import { RunEditor } from './run-editor.tsx';
import { SortHeader } from './sort-header.tsx';
import { useJudgedBy } from './use-judged-by.ts';

export interface RunsTableProps {
  readonly runs: readonly RunSummary[];
  /** Ids of the queued runs, in the order in which they will start. */
  readonly queue: readonly string[];
  /** Of the perplexities that are shown; null where no run has any. */
  readonly protocol: PerplexityProtocol | null;
  readonly order: RunOrder | null;
  readonly onOrder: (order: RunOrder | null) => void;
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (runId: string, isChosen: boolean) => void;
}

const columns: readonly { readonly by: RunColumn; readonly term?: TermName }[] = [
  { by: 'name' },
  { by: 'state' },
  { by: 'ratio', term: 'ratio' },
  { by: 'parameters', term: 'parameters' },
  { by: 'perplexity', term: 'perplexity' },
  { by: 'size' },
  { by: 'created' },
];

/** Every run as a line of numbers; a column's name sorts by it, and once more turns it round. */
export function RunsTable({
  runs,
  queue,
  protocol,
  order,
  onOrder,
  chosen,
  onChoose,
}: RunsTableProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const measuredOn =
    protocol && t('runs.measuredOn', { text: protocol.text, seqLen: formats.count(protocol.seqLen) });
  const [edited, setEdited] = useState<string | null>(null);
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={t('runs.title')}>
      <table className="data-table runs-table">
        <thead>
          <tr>
            <td className="choice" />
            {columns.map((column) => (
              <SortHeader
                key={column.by}
                {...column}
                below={column.by === 'perplexity' ? measuredOn : null}
                order={order}
                onOrder={onOrder}
              />
            ))}
            <th scope="col" className="words">
              {t('runs.actions')}
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <Fragment key={run.id}>
              <RunRow
                run={run}
                queue={queue}
                perplexityId={protocol?.id ?? null}
                isChosen={chosen.has(run.id)}
                onChoose={(isChosen) => onChoose(run.id, isChosen)}
                isEdited={edited === run.id}
                onEdit={() => setEdited(edited === run.id ? null : run.id)}
              />
              {edited === run.id && (
                <tr className="run-editor-row">
                  <td />
                  <td colSpan={columns.length + 1}>
                    <RunEditor run={run} onClose={() => setEdited(null)} />
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RunRowProps {
  readonly run: RunSummary;
  readonly queue: readonly string[];
  readonly perplexityId: string | null;
  readonly isChosen: boolean;
  readonly onChoose: (isChosen: boolean) => void;
  readonly isEdited: boolean;
  readonly onEdit: () => void;
}

function RunRow({ run, queue, perplexityId, isChosen, onChoose, isEdited, onEdit }: RunRowProps): ReactNode {
  const { t } = useTranslation();
  const judgedBy = useJudgedBy();
  const formats = useFormats();
  const { report } = run;
  return (
    <tr>
      <td className="choice">
        <Checkbox
          checked={isChosen}
          disabled={report === null}
          aria-label={`${t('runs.choose')}: ${run.name}`}
          onChange={(event) => onChoose(event.target.checked)}
        />
      </td>
      <th scope="row" className="words">
        <RouteLink className="run-row-name" to={routeOf(run)}>
          <RunThumbnail run={run} width={72} height={40} />
          <span>
            {titleOf(run)}
            <span className="quiet">
              {run.annotation.name !== null && `${run.modelName} · `}
              {judgedBy(run)}
            </span>
          </span>
        </RouteLink>
        <Written run={run} />
      </th>
      <td className="words">
        <RunStateTag run={run} />
      </td>
      <td>{run.criterion === 'none' ? '–' : formats.percent(run.ratio)}</td>
      <td>
        {report ? formats.shortCount(report.after.parameters) : '–'}
        <span className="quiet below">
          {report && report.removedOfParameters > 0
            ? formats.change(report.before.parameters, report.after.parameters)
            : ''}
        </span>
      </td>
      <PerplexityCell run={run} perplexityId={perplexityId} />
      <td>{formats.bytes(run.sizeBytes)}</td>
      <td>{formats.dateTime(run.createdAt)}</td>
      <td className="words">
        {run.state === 'queued' && <QueueButtons run={run} queue={queue} />}
        <Button
          size="small"
          type="text"
          aria-expanded={isEdited}
          aria-label={`${t('runs.edit')}: ${run.name}`}
          onClick={onEdit}
        >
          {t('runs.edit')}
        </Button>
        <RunRowActions run={run} />
      </td>
    </tr>
  );
}

/** What the run ended with, and its change; a number of another protocol is not for this column. */
function PerplexityCell({ run, perplexityId }: Pick<RunRowProps, 'run' | 'perplexityId'>): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { report, perplexityProtocol } = run;
  const before = report?.before.perplexity ?? null;
  const after = report && finalPerplexity(report);
  if (report === null || before === null || after === null) return <td>–</td>;
  if (perplexityProtocol?.id !== perplexityId)
    return (
      <td>
        –<span className="quiet below">{t('runs.measuredOtherwise')}</span>
      </td>
    );
  return (
    <td>
      {formats.perplexity(after)}
      <span className="quiet below">{isEvaluationRun(run) ? '' : formats.change(before, after)}</span>
    </td>
  );
}

/** Tags and the beginning of the note. */
function Written({ run: { annotation } }: { readonly run: RunSummary }): ReactNode {
  const { tags, note } = annotation;
  const [firstLine] = note.trim().split('\n');
  if (tags.length === 0 && firstLine === '') return null;
  return (
    <span className="run-written">
      {tags.map((tag) => (
        <span className="tag" key={tag}>
          {tag}
        </span>
      ))}
      {firstLine !== '' && (
        <span className="quiet run-note" title={note}>
          {firstLine}
        </span>
      )}
    </span>
  );
}

function QueueButtons({ run, queue }: Pick<RunRowProps, 'run' | 'queue'>): ReactNode {
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
