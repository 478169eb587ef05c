import { CloseOutlined } from '@ant-design/icons';
import { Button, Checkbox, Select } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RunRole } from '../../preload/comparison-contract.ts';
import type { Picked, RunSummary, StudioError } from '../../preload/contract.ts';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Panel } from '../components/panel.tsx';
import { titleOf } from '../runs/find-runs.ts';
import { useJudgedByAndRatio } from '../runs/use-judged-by.ts';
import { call, errorOf } from '../studio/bridge.ts';
import { useStudio } from '../studio/studio-store.ts';
import { useCompareSelection, wholeRun } from './selection-store.tsx';

/** The models that a run has to compare. */
function rolesOf({ report }: Pick<RunSummary, 'report'>): RunRole[] {
  if (report === null) return [];
  const { removedOfParameters, recovery } = report;
  return [
    'original',
    ...(removedOfParameters > 0 ? (['pruned'] as const) : []),
    ...(recovery ? (['recovered'] as const) : []),
    ...(recovery?.control ? (['control'] as const) : []),
  ];
}

/** What is compared: runs with the models of each, folders, published results. */
export function Chooser(): ReactNode {
  const { t } = useTranslation();
  const { selection, change } = useCompareSelection();
  const runs = useStudio((state) => state.runs);
  const chosen = selection.runs.flatMap((choice) => {
    const run = runs?.find(({ id }) => id === choice.runId);
    return run === undefined ? [] : [{ run, roles: choice.roles ?? rolesOf(run) }];
  });
  const setRoles = (runId: string, roles: RunRole[] | null): void =>
    change({
      runs: selection.runs.flatMap((choice) => {
        if (choice.runId !== runId) return [choice];
        return roles === null ? [] : [{ runId, roles }];
      }),
    });
  return (
    <Panel title={t('compare.chosen')} className="wide" actions={<AddModels />}>
      <ul className="chosen-models">
        {chosen.map(({ run, roles }) => (
          <ChosenRun key={run.id} run={run} roles={roles} onRoles={(to) => setRoles(run.id, to)} />
        ))}
        {selection.models.map(({ id, name }) => (
          <li key={id}>
            <span className="chosen-name">{name}</span>
            <span className="quiet">{t('compare.roles.model')}</span>
            <RemoveButton
              name={name}
              onRemove={() => change({ models: selection.models.filter((model) => model.id !== id) })}
            />
          </li>
        ))}
      </ul>
      <Checkbox
        checked={selection.published}
        onChange={(event) => change({ published: event.target.checked })}
      >
        {t('compare.showPublished')}
      </Checkbox>
    </Panel>
  );
}

function ChosenRun({
  run,
  roles,
  onRoles,
}: {
  readonly run: RunSummary;
  readonly roles: readonly RunRole[];
  readonly onRoles: (roles: RunRole[] | null) => void;
}): ReactNode {
  const { t } = useTranslation();
  const all = rolesOf(run);
  return (
    <li>
      <span className="chosen-name">
        <RunLabel run={run} />
      </span>
      <span className="chosen-roles">
        {all.map((role) => (
          <Checkbox
            key={role}
            checked={roles.includes(role)}
            aria-label={`${titleOf(run)}: ${t(`compare.roles.${role}`)}`}
            onChange={(event) =>
              onRoles(all.filter((other) => (other === role ? event.target.checked : roles.includes(other))))
            }
          >
            {t(`compare.roles.${role}`)}
          </Checkbox>
        ))}
      </span>
      <RemoveButton name={run.name} onRemove={() => onRoles(null)} />
    </li>
  );
}

function RunLabel({ run }: { readonly run: RunSummary }): ReactNode {
  const label = useRunLabel();
  return label(run);
}

/** A run in a line: name, criterion and, where it prunes, ratio. */
function useRunLabel(): (run: RunSummary) => string {
  const { t } = useTranslation();
  const judgedBy = useJudgedByAndRatio();
  return (run) => [titleOf(run), judgedBy(run)].join(t('compare.protocols.comma'));
}

function RemoveButton({
  name,
  onRemove,
}: {
  readonly name: string;
  readonly onRemove: () => void;
}): ReactNode {
  const { t } = useTranslation();
  return (
    <Button
      size="small"
      type="text"
      icon={<CloseOutlined />}
      aria-label={t('data.removeText', { name })}
      onClick={onRemove}
    />
  );
}

/** The ways to one more: a finished run, or any folder with a model. */
export function AddModels(): ReactNode {
  const { t } = useTranslation();
  const { selection, change } = useCompareSelection();
  const label = useRunLabel();
  const runs = useStudio((state) => state.runs);
  const [failure, setFailure] = useState<StudioError | null>(null);
  const open = (runs ?? []).filter(
    ({ id, report }) => report !== null && !selection.runs.some(({ runId }) => runId === id),
  );
  const add = (model: Picked | null): void => {
    if (model === null || selection.models.some(({ id }) => id === model.id)) return;
    change({ models: [...selection.models, { id: model.id, name: model.name }] });
  };
  const pick = (): void => {
    setFailure(null);
    call('model:pick', undefined).then(add, (thrown: unknown) => setFailure(errorOf(thrown)));
  };
  return (
    <>
      {failure && <ErrorNotice error={failure} onClose={() => setFailure(null)} />}
      <Select<string | null>
        className="add-run"
        value={null}
        placeholder={t('compare.addRun')}
        aria-label={t('compare.addRun')}
        disabled={open.length === 0}
        options={open.map((run) => ({ value: run.id, label: label(run) }))}
        onChange={(runId) => {
          if (runId !== null) change({ runs: [...selection.runs, wholeRun(runId)] });
        }}
      />
      <Button onClick={pick}>{t('compare.addModel')}</Button>
    </>
  );
}
