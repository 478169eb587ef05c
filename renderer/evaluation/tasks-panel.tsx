import { FolderOutlined } from '@ant-design/icons';
import { Button, Checkbox } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { StudioError } from '../../preload/contract.ts';
import { ErrorNotice } from '../components/error-notice.tsx';
import { NumberField } from '../components/number-field.tsx';
import { OnOff } from '../components/on-off.tsx';
import { Panel } from '../components/panel.tsx';
import { Term } from '../glossary/term.tsx';
import { call, errorOf } from '../studio/bridge.ts';
import { useStudio } from '../studio/studio-store.ts';
import type { Draft } from '../wizard/draft.ts';
import { useDraft } from '../wizard/draft-store.tsx';

type Tasks = NonNullable<Draft['tasks']>;

/** What the models are asked in words, before and after. */
export function TasksPanel(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const known = useStudio(({ info }) => info)?.taskIds ?? [];
  const { tasks } = draft;
  const turn = (isOn: boolean): void =>
    dispatch({
      type: 'tasks-changed',
      tasks: isOn ? { names: [...known], fewShot: 0, bos: false, limit: null } : null,
    });
  if (draft.model?.takesTasks === false) {
    return (
      <Panel title={<Term name="tasks">{t('data.tasks')}</Term>}>
        <p className="quiet">{t('data.tasksImpossible')}</p>
      </Panel>
    );
  }
  return (
    <Panel
      title={<Term name="tasks">{t('data.tasks')}</Term>}
      actions={<OnOff name="tasks" label={t('data.tasks')} isOn={tasks !== null} onTurn={turn} />}
    >
      <p className="quiet">{t('data.tasksText')}</p>
      {tasks !== null && (
        <>
          <DataFolder />
          <TaskChoice tasks={tasks} known={known} />
          <TaskNumbers tasks={tasks} />
        </>
      )}
    </Panel>
  );
}

function DataFolder(): ReactNode {
  const { t } = useTranslation();
  const { draft, dispatch } = useDraft();
  const [failure, setFailure] = useState<StudioError | null>(null);
  const pick = async (): Promise<void> => {
    try {
      const folder = await call('tasks:pick', undefined);
      if (folder !== null) dispatch({ type: 'task-data-chosen', folder });
      setFailure(null);
    } catch (thrown) {
      setFailure(errorOf(thrown));
    }
  };
  const { taskData } = draft;
  return (
    <div className="text-source">
      {taskData === null ? (
        <p className="text-source-file none">{t('data.noTaskData')}</p>
      ) : (
        <p className="text-source-file" title={taskData.path}>
          <FolderOutlined aria-hidden="true" />
          <span>{taskData.name}</span>
        </p>
      )}
      <div className="text-source-buttons">
        <Button onClick={() => void pick()}>{t('data.pickTaskData')}</Button>
      </div>
      {failure && <ErrorNotice error={failure} onClose={() => setFailure(null)} />}
    </div>
  );
}

function TaskChoice({
  tasks,
  known,
}: {
  readonly tasks: Tasks;
  readonly known: readonly string[];
}): ReactNode {
  const { t } = useTranslation();
  const { dispatch } = useDraft();
  const { names } = tasks;
  return (
    <div className="target-choices" role="group" aria-label={t('data.taskNames')}>
      {known.map((id) => {
        const isChosen = names.includes(id);
        return (
          <Checkbox
            key={id}
            checked={isChosen}
            // One has to stay: none are chosen by switching them off.
            disabled={isChosen && names.length === 1}
            onChange={() => {
              const next = known.filter((name) => (name === id ? !isChosen : names.includes(name)));
              dispatch({ type: 'tasks-changed', tasks: { ...tasks, names: next } });
            }}
          >
            <code>{id}</code>
          </Checkbox>
        );
      })}
    </div>
  );
}

function TaskNumbers({ tasks }: { readonly tasks: Tasks }): ReactNode {
  const { t } = useTranslation();
  const { dispatch } = useDraft();
  const change = (part: Partial<Tasks>): void =>
    dispatch({ type: 'tasks-changed', tasks: { ...tasks, ...part } });
  return (
    <>
      <div className="field-row">
        <NumberField
          label={t('data.fewShot')}
          term="fewShot"
          value={tasks.fewShot}
          min={0}
          max={100}
          onChange={(fewShot) => fewShot !== null && change({ fewShot })}
        />
        <NumberField
          label={t('data.taskLimit')}
          term="taskLimit"
          value={tasks.limit}
          min={1}
          max={1_000_000}
          placeholder={t('data.all')}
          onChange={(limit) => change({ limit })}
        />
      </div>
      <div>
        <Checkbox
          aria-label={t('data.taskBos')}
          checked={tasks.bos}
          onChange={() => change({ bos: !tasks.bos })}
        />{' '}
        <Term name="taskBos">{t('data.taskBos')}</Term>
      </div>
    </>
  );
}
