import { useEffect, useState, type DragEvent as ReactDragEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { errorOf, grantDropped } from '../studio/bridge.ts';
import { useRoute, type DraftStep } from '../studio/route.ts';
import { useStudioStore } from '../studio/studio-store.ts';
import { useModelChoice } from './choose-model.tsx';
import { useDraft } from './draft-store.tsx';

type Zone = 'model' | 'calibration' | 'evaluation' | 'recovery';

/** What a file dropped in a step is for; a model everywhere else. */
const zonesOf: Readonly<Partial<Record<DraftStep, readonly Zone[]>>> = {
  data: ['calibration', 'evaluation'],
  recovery: ['recovery'],
};

/** Takes what is dropped on the window: texts in the steps that read some, a model everywhere else. */
export function DropAnywhere(): ReactNode {
  const { t } = useTranslation();
  const route = useRoute();
  const isDragging = useFileDrag();
  const take = useTake();
  if (!isDragging) return null;
  const zones = (route.screen === 'new' ? zonesOf[route.step] : undefined) ?? ['model'];
  return (
    <div className="drop-anywhere">
      {zones.map((zone) => (
        <div
          key={zone}
          className="drop-zone"
          data-zone={zone}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event: ReactDragEvent) => {
            const { files, items } = event.dataTransfer;
            const isFolder = items[0]?.webkitGetAsEntry()?.isDirectory ?? false;
            if (files[0] !== undefined) void take(zone, files[0], isFolder);
          }}
        >
          {t(`drop.${zone}`)}
        </div>
      ))}
    </div>
  );
}

function useTake(): (zone: Zone, file: File, isFolder: boolean) => Promise<void> {
  const { dispatch } = useDraft();
  const choice = useModelChoice();
  const store = useStudioStore();
  return async (zone, file, isFolder) => {
    if (isFolder !== (zone === 'model')) {
      const message = `${file.name} is a ${isFolder ? 'folder' : 'file'}.`;
      store.tellFailure({ code: 'file-kind', message });
      return;
    }
    if (zone === 'model') {
      choice.drop(file);
      return;
    }
    try {
      const text = await grantDropped(file);
      dispatch({ type: `${zone}-text-chosen`, text });
    } catch (thrown) {
      store.tellFailure(errorOf(thrown));
    }
  };
}

/** Whether files are being dragged over the window; a drop beside the zones does nothing. */
function useFileDrag(): boolean {
  const [isDragging, setDragging] = useState(false);
  useEffect(() => {
    let depth = 0;
    const carriesFiles = ({ dataTransfer }: DragEvent): boolean =>
      dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      depth += 1;
      setDragging(true);
    };
    const over = (event: DragEvent): void => event.preventDefault();
    const leave = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setDragging(false);
    };
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      depth = 0;
      setDragging(false);
    };
    const listeners = { dragenter: enter, dragover: over, dragleave: leave, drop };
    for (const [name, listener] of Object.entries(listeners))
      window.addEventListener(name as keyof typeof listeners, listener);
    return () => {
      for (const [name, listener] of Object.entries(listeners))
        window.removeEventListener(name as keyof typeof listeners, listener);
    };
  }, []);
  return isDragging;
}
