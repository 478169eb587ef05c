import { Button, Input } from 'antd';
import { useId, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RunSummary } from '../../preload/contract.ts';
import { useRunActions } from '../studio/use-run-actions.ts';
import { readTags, writeTags } from './tags.ts';

/** Name, tags and note of a run, as a person writes them. */
export function RunEditor({
  run,
  onClose,
}: {
  readonly run: RunSummary;
  readonly onClose: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const actions = useRunActions();
  const id = useId();
  const [name, setName] = useState(run.annotation.name ?? '');
  const [tags, setTags] = useState(writeTags(run.annotation.tags));
  const [note, setNote] = useState(run.annotation.note);
  const save = async (): Promise<void> => {
    const annotation = { name: name.trim() === '' ? null : name.trim(), tags: readTags(tags), note };
    if (await actions.annotate(run.id, annotation)) onClose();
  };
  return (
    <form
      className="run-editor"
      aria-label={`${t('runs.edit')}: ${run.name}`}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <label htmlFor={`${id}-name`}>{t('runs.name')}</label>
      <Input
        id={`${id}-name`}
        autoFocus
        value={name}
        maxLength={200}
        placeholder={run.modelName}
        onChange={(event) => setName(event.target.value)}
      />
      <label htmlFor={`${id}-tags`}>{t('runs.tags')}</label>
      <Input
        id={`${id}-tags`}
        value={tags}
        placeholder={t('runs.tagsHint')}
        onChange={(event) => setTags(event.target.value)}
      />
      <label htmlFor={`${id}-note`}>{t('runs.note')}</label>
      <Input.TextArea
        id={`${id}-note`}
        value={note}
        maxLength={10_000}
        rows={3}
        onChange={(event) => setNote(event.target.value)}
      />
      <p className="quiet path">{run.name}</p>
      <span className="row-actions">
        <Button htmlType="submit" size="small" type="primary">
          {t('actions.save')}
        </Button>
        <Button size="small" onClick={onClose}>
          {t('actions.discard')}
        </Button>
      </span>
    </form>
  );
}
