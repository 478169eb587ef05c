import { Button } from 'antd';
import { useEffect, useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormats } from '../language/use-formats.ts';
import { useStudio } from '../studio/studio-store.ts';
import { useRunActions } from '../studio/use-run-actions.ts';

/** The runs that were deleted lately, each with the way back; below the screen, so that nothing moves. */
export function DeletedRuns(): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const actions = useRunActions();
  const deleted = useStudio((state) => state.deleted);
  const list = useRef<HTMLUListElement>(null);
  const count = useRef(deleted.length);
  useEffect(() => {
    // The button that deleted it is gone: the keyboard goes on from the way back.
    if (deleted.length > count.current)
      list.current?.querySelector<HTMLElement>('li:last-child button')?.focus();
    count.current = deleted.length;
  }, [deleted]);
  const act = (work: Promise<boolean>): void => {
    void work.then(() => document.querySelector<HTMLElement>('#work h1')?.focus({ preventScroll: true }));
  };
  if (deleted.length === 0) return null;
  return (
    <section className="deleted-runs" aria-label={t('runs.deleted')}>
      <ul ref={list}>
        {deleted.map(({ id, name, sizeBytes }) => (
          <li key={id}>
            <span className="deleted-run-name" role="status">
              {t('runs.deletedRun', { name, size: formats.bytes(sizeBytes) })}
            </span>
            <Button
              size="small"
              aria-label={`${t('actions.undoDelete')}: ${name}`}
              onClick={() => act(actions.restore(id))}
            >
              {t('actions.undoDelete')}
            </Button>
            <Button
              size="small"
              type="text"
              aria-label={`${t('actions.purge')}: ${name}`}
              onClick={() => act(actions.purge(id))}
            >
              {t('actions.purge')}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
